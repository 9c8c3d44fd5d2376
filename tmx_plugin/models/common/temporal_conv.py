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


def time_major_conv(
    x: Tensor, weight: Tensor, bias: Optional[Tensor] = None, scale: Optional[Tensor] = None
) -> Tensor:
    """Convolve over time with "same" zero padding.

    Args:
        x (Tensor): Features (B, T, C), contiguous for speed.
        weight (Tensor): Weight of a Conv1d, (O, C, odd kernel size).
        bias (Tensor, optional): (O, ).
        scale (Tensor, optional): Factor of each channel (B, 1, C), without a gradient. A product
            of the caller would be kept for the backward pass; this one is computed again.

    Returns:
        Tensor: (B, T, O), contiguous.
    """
    if torch.is_grad_enabled():
        return _TimeMajorConv.apply(x, weight, bias, scale)
    return conv_forward(x if scale is None else x * scale, weight, bias)


class _TimeMajorConv(torch.autograd.Function):
    """The convolution, each of its gradients in the layout that is fastest for it."""

    @staticmethod
    def forward(
        ctx, x: Tensor, weight: Tensor, bias: Optional[Tensor], scale: Optional[Tensor]
    ) -> Tensor:
        ctx.save_for_backward(x, weight, scale)
        return conv_forward(x if scale is None else x * scale, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple:
        x, weight, scale = ctx.saved_tensors
        wants_x, wants_weight, wants_bias, _ = ctx.needs_input_grad
        grad, kernel = grad.contiguous(), weight.to(grad.dtype)  # autocast computes in grad's type
        grad_x = grad_weight = grad_bias = None
        if wants_weight:  # first: its copies are gone when the next gradient is made
            scaled = x if scale is None else x * scale
            grad_weight = conv_grad_weight(grad, scaled.to(grad.dtype), kernel).to(weight.dtype)
        if wants_x:
            grad_x = conv_grad_input(grad, x.to(grad.dtype), kernel).to(x.dtype)
            grad_x = grad_x if scale is None else grad_x * scale
        if wants_bias:
            grad_bias = grad.sum((0, 1)).to(weight.dtype)
        return grad_x, grad_weight, grad_bias, None


class _NormMaskReLU(torch.autograd.Function):
    """LayerNorm, mask and ReLU, with as few passes as they need.

    What the ReLU lets through has passed the mask, so that its backward pass is that of both.
    """

    @staticmethod
    def forward(ctx, x: Tensor, gain: Tensor, bias: Tensor, mask: Tensor, eps: float) -> Tensor:
        if x.dtype != gain.dtype and not x.is_cpu:
            x = x.to(gain.dtype)  # on a CPU, autocast lets the norm take both
        out, mean, rstd = torch.native_layer_norm(x, gain.shape, gain, bias, eps)
        out = out.mul_(mask).relu_()
        ctx.save_for_backward(x, mean, rstd, gain, bias, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple:
        x, mean, rstd, gain, bias, out = ctx.saved_tensors
        grad = torch.ops.aten.threshold_backward(grad.contiguous(), out, 0)
        return (
            *torch.ops.aten.native_layer_norm_backward(
                grad, x, gain.shape, mean, rstd, gain, bias, list(ctx.needs_input_grad[:3])
            ),
            None,
            None,
        )


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

    def forward(self, x: Tensor, mask: Tensor, scale: Optional[Tensor] = None) -> Tensor:
        """Block over time.

        Args:
            x (Tensor): (B, T, C_in).
            mask (Tensor): (B, T, 1), of x's dtype.
            scale (Tensor, optional): Factor of each channel of x, (B, 1, C_in).

        Returns:
            Tensor: (B, T, C_out).
        """
        x = time_major_conv(x, self.conv.weight, scale=scale)
        if torch.is_grad_enabled():
            return _NormMaskReLU.apply(x, self.norm.weight, self.norm.bias, mask, self.norm.eps)
        return self.norm(x).mul_(mask).relu_()
