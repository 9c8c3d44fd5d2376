# SPDX-License-Identifier: Apache-2.0
"""Convolution over time on time-major tensors, and the block made of it.

Inside the model features are kept as contiguous (B, T, C): that is how they lie on disk, it is what
LayerNorm over channels wants, and most back ends convolve it fastest. Weights stay those of a
Conv1d.
"""
from typing import Optional

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .conv_layout import conv_forward, conv_grad_input, conv_grad_weight


def time_major_conv(x: Tensor, weight: Tensor, bias: Optional[Tensor] = None) -> Tensor:
    """Convolve over time with "same" zero padding.

    Args:
        x (Tensor): Features (B, T, C), contiguous for speed.
        weight (Tensor): Weight of a Conv1d, (O, C, odd kernel size).
        bias (Tensor, optional): (O, ).

    Returns:
        Tensor: (B, T, O), contiguous.
    """
    if torch.is_grad_enabled():
        return _TimeMajorConv.apply(x, weight, bias)
    return conv_forward(x, weight, bias)


class _TimeMajorConv(torch.autograd.Function):
    """The convolution, each of its gradients in the layout that is fastest for it."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
        ctx.save_for_backward(x, weight)
        return conv_forward(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple:
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        grad_x, grad_weight = _conv_gradients(grad, x, weight, wanted)
        return grad_x, grad_weight, grad.sum((0, 1)).to(weight.dtype) if wanted[2] else None


def _conv_gradients(grad: Tensor, x: Tensor, weight: Tensor, wanted) -> tuple:
    """Gradients of input and weight where wanted, of their dtypes; autocast computes in grad's."""
    grad, kernel, cast_x = grad.contiguous(), weight.to(grad.dtype), x.to(grad.dtype)
    grad_x = conv_grad_input(grad, cast_x, kernel).to(x.dtype) if wanted[0] else None
    grad_weight = conv_grad_weight(grad, cast_x, kernel).to(weight.dtype) if wanted[1] else None
    return grad_x, grad_weight


class _ConvNormReLU(torch.autograd.Function):
    """Convolution, LayerNorm, mask and ReLU, with as few passes and copies as they need.

    What the ReLU lets through has passed the mask, so that its backward pass is that of both.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, gain: Tensor, bias: Tensor, mask: Tensor,
                eps: float) -> Tensor:
        conv = conv_forward(x, weight)
        if conv.dtype != gain.dtype and not conv.is_cpu:
            conv = conv.to(gain.dtype)  # on a CPU, autocast lets the norm take both
        out, mean, rstd = torch.native_layer_norm(conv, gain.shape, gain, bias, eps)
        out = out.mul_(mask).relu_()
        ctx.save_for_backward(x, weight, conv, mean, rstd, gain, bias, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple:
        x, weight, conv, mean, rstd, gain, bias, out = ctx.saved_tensors
        wanted = list(ctx.needs_input_grad)
        grad = torch.ops.aten.threshold_backward(grad, out, 0)
        grad, grad_gain, grad_bias = torch.ops.aten.native_layer_norm_backward(
            grad, conv, gain.shape, mean, rstd, gain, bias, [True, *wanted[2:4]])
        return *_conv_gradients(grad, x, weight, wanted), grad_gain, grad_bias, None, None


class TemporalConvBlock(nn.Module):
    """Conv1d(kernel 3, no bias), LayerNorm over channels, ReLU, mask.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, 3, padding=1, bias=False)
        self.norm = nn.LayerNorm(out_channels, eps=1e-6)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Args: x (B, T, C_in) and mask (B, T, 1) of x's dtype. Returns (B, T, C_out)."""
        if torch.is_grad_enabled():
            return _ConvNormReLU.apply(x, self.conv.weight, self.norm.weight, self.norm.bias, mask,
                                       self.norm.eps)
        return self.norm(conv_forward(x, self.conv.weight)).mul_(mask).relu_()
