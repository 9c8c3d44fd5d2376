# SPDX-License-Identifier: Apache-2.0
"""The device that the user chose."""

from typing import Optional

import torch
from mmengine.device import get_device
from mmengine.device import utils as device_utils

from ..errors import ConfigError


def resolve_device(name: Optional[str] = None) -> str:
    """Check that a device exists here.

    Args:
        name (str, optional): ``cpu``, ``cuda``, ``cuda:1``, ``mps`` ...; None is a GPU where there
            is one, else the CPU.

    Returns:
        str: Name of the device.

    Raises:
        ConfigError: There is no such device; the message lists those there are.

    Examples:
        >>> resolve_device('cpu')
        'cpu'
        >>> resolve_device('abacus')
        Traceback (most recent call last):
        ...
        tmx_plugin.errors.ConfigError: device 'abacus': expected cpu, cuda, cuda:N or mps
    """
    if name is None:
        return get_device()
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise ConfigError(f'device {name!r}: expected cpu, cuda, cuda:N or mps') from None
    available = {
        'cpu': True,
        'cuda': _has_cuda(device.index or 0),
        'mps': torch.backends.mps.is_available(),
    }
    if not available.get(device.type, device.type == get_device()):
        found = [
            'cpu',
            *(f'cuda:{index}' for index in range(torch.cuda.device_count())),
            *(['mps'] if available['mps'] else []),
        ]
        raise ConfigError(
            f'device {name!r}: not found on this machine, which has {", ".join(found)}'
        )
    return name


def use_device(name: Optional[str]) -> None:
    """Let MMEngine's runner use a device; None leaves the choice to MMEngine.

    MMEngine asks for the kind of device once, when it is imported, and has no setting for it.

    Raises:
        ConfigError: There is no such device.
    """
    if name is None:
        return
    device = torch.device(resolve_device(name))
    device_utils.DEVICE = device.type
    if device.type == 'cuda':
        torch.cuda.set_device(device.index or 0)


def _has_cuda(index: int) -> bool:
    return torch.cuda.is_available() and index < torch.cuda.device_count()
