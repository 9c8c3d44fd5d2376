# SPDX-License-Identifier: Apache-2.0
"""Convolution over time of (B, T, C) tensors, and the memory layout in which it is fastest.

Seen as (B, C, 1, T), a (B, T, C) tensor is torch's channels-last layout, for which most back ends
have their fastest kernels (layout ``'last'``). Where they are slow in it, copying to (B, C, T) and
back pays (layout ``'first'``). docs/performance.md has the figures.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

#: In float32 on a CPU, oneDNN's gradient of larger weights is up to three times as slow in 'last'.
LARGE_WEIGHT = 2**20  # bytes
#: 'first' must take at most this share of the time of 'last': chance must not decide.
MARGIN = 0.8
PROBE_CHANNELS, PROBE_LENGTH, PROBE_RUNS = 256, 512, 5
_fixed: list[str] = []


@contextmanager
def fixed_layout(layout: str) -> Iterator[None]:
    """Run all convolutions in the block in one layout, ``'first'`` or ``'last'``.

    Layouts differ in the last bits. In ``'first'`` results round as those of the public
    implementations do, which matters where a last bit turns a ReLU.
    """
    _fixed.append(layout)
    try:
        yield
    finally:
        _fixed.pop()


def conv_forward(x: Tensor, weight: Tensor, bias: Optional[Tensor] = None) -> Tensor:
    """Convolution with "same" zero padding.

    Args:
        x (Tensor): Features (B, T, C).
        weight (Tensor): Weight of a Conv1d, (O, C, odd kernel size).
        bias (Tensor, optional): (O, ).

    Returns:
        Tensor: (B, T, O).
    """
    padding = weight.shape[-1] // 2
    if _forward_layout(x) == 'first':
        return swap_copy(F.conv1d(swap_copy(x), weight, bias, padding=padding))
    out = F.conv2d(_image(x), weight.unsqueeze(2), bias, padding=(0, padding))
    return out.squeeze(2).transpose(1, 2)


def conv_grad_input(grad: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Gradient (B, T, C) of the input, from ``grad`` (B, T, O); all of one dtype."""
    if _fixed and _fixed[-1] == 'first':  # of x only the shape is used
        return swap_copy(_conv_backward(swap_copy(grad), x.transpose(1, 2), weight, 0))
    out = _conv_backward(_image(grad), _image(x), weight.unsqueeze(2), 0)
    return out.squeeze(2).transpose(1, 2)


def conv_grad_weight(grad: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Gradient (O, C, kernel size) of the weight, from ``grad`` (B, T, O) and x (B, T, C)."""
    if _fixed and _fixed[-1] == 'first':
        return _conv_backward(swap_copy(grad), swap_copy(x), weight, 1)
    large = weight.numel() * weight.element_size() > LARGE_WEIGHT
    if not _fixed and large and x.device.type == 'cpu' and x.dtype == torch.float32:
        # Video by video: the copies, oneDNN's too, are those of one, and stay in the cache longer.
        total = torch.zeros_like(weight)
        for i in range(len(x)):
            one = slice(i, i + 1)
            total += _conv_backward(swap_copy(grad[one]), swap_copy(x[one]), weight, 1)
        return total
    return _conv_backward(_image(grad), _image(x), weight.unsqueeze(2), 1).squeeze(2)


def swap_copy(x: Tensor) -> Tensor:
    """Contiguous (B, C, T) from (B, T, C), or back.

    Video by video: torch copies a transposed matrix in blocks that fit the cache, but not a stack
    of matrices, where rows of 512 or 2048 channels evict each other from it.
    """
    out = x.new_empty(x.shape[0], x.shape[2], x.shape[1])
    for source, target in zip(x.unbind(), out.unbind()):
        target.copy_(source.t())
    return out


def _image(x: Tensor) -> Tensor:
    """(B, T, C) seen as (B, C, 1, T)."""
    return x.transpose(1, 2).unsqueeze(2)


def _conv_backward(grad: Tensor, x: Tensor, weight: Tensor, which: int) -> Tensor:
    """Gradient of the input (0) or the weight (1) of a "same" convolution."""
    ones, zeros = [1] * (x.ndim - 2), [0] * (x.ndim - 2)
    padding = [size // 2 for size in weight.shape[2:]]
    return torch.ops.aten.convolution_backward(
        grad, x, weight, None, ones, padding, ones, False, zeros, 1, [which == 0, which == 1, False]
    )[which]


def _forward_layout(x: Tensor) -> str:
    """Layout of a forward pass; in training one for all processors, for the same numbers."""
    if _fixed:
        return _fixed[-1]
    if (
        torch.is_grad_enabled()
        or torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or torch.are_deterministic_algorithms_enabled()
        or x.device.type not in ('cpu', 'cuda')
    ):
        return 'last'
    return fastest_layout(x.device, x.dtype)


@cache
def fastest_layout(device: torch.device, dtype: torch.dtype) -> str:
    """Layout in which forward passes are faster on a device, measured once in some milliseconds.

    Args:
        device (torch.device): Of the tensors.
        dtype (torch.dtype): Of the tensors.

    Returns:
        str: ``'last'`` or ``'first'``.
    """
    x = torch.ones(1, PROBE_LENGTH, PROBE_CHANNELS, device=device, dtype=dtype)
    weight = torch.ones(PROBE_CHANNELS, PROBE_CHANNELS, 3, device=device, dtype=dtype)
    best = dict(last=float('inf'), first=float('inf'))
    for _ in range(PROBE_RUNS):
        for layout in best:
            with fixed_layout(layout):
                best[layout] = min(best[layout], _seconds(x, weight))
    return 'first' if best['first'] < MARGIN * best['last'] else 'last'


def _seconds(x: Tensor, weight: Tensor) -> float:
    start = time.perf_counter()
    conv_forward(x, weight)
    if x.device.type == 'cuda':
        torch.cuda.synchronize(x.device)
    return time.perf_counter() - start
