# SPDX-License-Identifier: Apache-2.0
"""Recognizer checkpoints: found, identified and loaded without running code from them."""
import hashlib
import os
from pathlib import Path

import torch
from mmengine.logging import print_log
from torch import nn

from ..errors import CheckpointMismatchError, MissingFileError
from ..models.checkpoint import load_checkpoint_file


def local_checkpoint(checkpoint: str) -> Path:
    """Path of a checkpoint; a URL is downloaded to torch's hub folder, once.

    Raises:
        MissingFileError: If it is a path at which there is no file.
    """
    if str(checkpoint).startswith(('http://', 'https://')):
        path = Path(torch.hub.get_dir(), 'checkpoints', os.path.basename(str(checkpoint)))
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(str(checkpoint), str(path))
        return path
    if not Path(checkpoint).is_file():
        raise MissingFileError(f'{checkpoint}: no such checkpoint')
    return Path(checkpoint)


def file_hash(path) -> str:
    """SHA-256 of a file, as ``sha256sum`` prints it."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def load_recognizer_weights(recognizer: nn.Module, checkpoint: str) -> None:
    """Load backbone and neck of a recognizer; the classification head is not needed.

    Args:
        recognizer (nn.Module): A recognizer, with or without its head.
        checkpoint (str): File or URL; a state dict, or a dict with ``state_dict``.

    Raises:
        CheckpointError: If the file cannot be read safely.
        CheckpointMismatchError: If not one tensor of the recognizer is in the file, e.g. because
            it is another architecture's.
    """
    path = local_checkpoint(checkpoint)
    loaded = load_checkpoint_file(path)
    state = loaded.get('state_dict', loaded)
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    own = recognizer.state_dict()
    usable = {key: value for key, value in state.items()
              if key in own and own[key].shape == value.shape}
    if own and not usable:
        raise CheckpointMismatchError(
            f'{path}: holds none of the weights of the recognizer, which expects names such as '
            f'{sorted(own)[:3]} and finds {sorted(state)[:3]}')
    missing = sorted(set(own) - set(usable))
    if missing:
        print_log(f'{path}: {len(missing)} of {len(own)} tensors of the recognizer are not in '
                  f'it or differ in shape, e.g. {missing[:3]}', 'current', level=30)
    recognizer.load_state_dict(usable, strict=False)
