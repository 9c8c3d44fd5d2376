# SPDX-License-Identifier: Apache-2.0
"""Max-pooling over time of (B, T, C) tensors."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

#: Kernel size, stride, padding and dilation over (1, T), and whether lengths are rounded up.
_POOL = ((1, 3), (1, 2), (0, 1), (1, 1), False)


def max_pool(x: Tensor) -> Tensor:
    """Max over three neighbours at half the rate.

    Args:
        x (Tensor): (B, T, C), contiguous for speed.

    Returns:
        Tensor: (B, ceil(T / 2), C).

    Example:
        >>> max_pool(torch.tensor([1., 4., 2., 3.]).reshape(1, 4, 1)).flatten()
        tensor([4., 4.])
    """
    if torch.is_grad_enabled() and x.requires_grad:
        return _MaxPool.apply(x)
    return _values(F.max_pool2d(_image(x), *_POOL))


class _MaxPool(torch.autograd.Function):
    """Keeps no places of the maxima, 8 bytes each: the backward pass finds them again."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _values(F.max_pool2d(_image(x), *_POOL))

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> Tensor:
        image = _image(ctx.saved_tensors[0])
        _, places = torch.ops.aten.max_pool2d_with_indices(image, *_POOL)
        backward = torch.ops.aten.max_pool2d_with_indices_backward
        return _values(backward(_image(grad), image, *_POOL, places))


def _image(x: Tensor) -> Tensor:
    """(B, T, C) seen as (B, C, 1, T)."""
    return x.transpose(1, 2).unsqueeze(2)


def _values(image: Tensor) -> Tensor:
    return image.squeeze(2).transpose(1, 2)
