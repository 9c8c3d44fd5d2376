# SPDX-License-Identifier: Apache-2.0
"""Convolution over time on time-major tensors.

Inside the model features are kept as contiguous (B, T, C): that is how they lie on disk, it is what
LayerNorm over channels wants, and seen as (B, C, 1, T) it is torch's channels-last layout, for
which the convolution back ends have their fastest kernels. Weights stay those of a Conv1d.
"""
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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
        return _PlainConv.apply(x, weight, bias)
    image = x.transpose(1, 2).unsqueeze(2)  # (B, C, 1, T), channels last
    out = F.conv2d(image, weight.unsqueeze(2), bias, padding=(0, weight.shape[-1] // 2))
    return out.squeeze(2).transpose(1, 2)


class _PlainConv(torch.autograd.Function):
    """The same convolution in the plain layout (B, C, T), for training.

    There it is as fast, and rounds as the public implementations do: a difference in the last bit
    can turn a ReLU and then grows from step to step. Autograd would keep the transposed copy of the
    input as well as the input; this transposes it again in the backward pass.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.bias_sizes = None if bias is None else list(bias.shape)
        plain = x.transpose(1, 2).contiguous()
        out = F.conv1d(plain, weight, bias, padding=weight.shape[-1] // 2)
        # Copied here once, or LayerNorm would copy it in both of its passes.
        return out.transpose(1, 2).contiguous()

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple:
        x, weight = ctx.saved_tensors
        plain = x.to(grad.dtype).transpose(1, 2).contiguous()  # autocast computes in grad's type
        grad_x, grad_weight, grad_bias = torch.ops.aten.convolution_backward(
            grad.transpose(1, 2).contiguous(), plain, weight.to(grad.dtype), ctx.bias_sizes,
            [1], [weight.shape[-1] // 2], [1], False, [0], 1, list(ctx.needs_input_grad))
        grad_x = grad_x.transpose(1, 2).to(x.dtype) if ctx.needs_input_grad[0] else None
        return grad_x, *(None if g is None else g.to(weight.dtype)
                         for g in (grad_weight, grad_bias))


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
        # Masked before the ReLU and in place: what autograd keeps for it is the next block's input.
        return self.norm(time_major_conv(x, self.conv.weight)).mul_(mask).relu_()
