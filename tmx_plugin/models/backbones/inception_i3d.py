# SPDX-License-Identifier: Apache-2.0
"""Inception-v1 inflated to three dimensions (I3D), the network of two-stream I3D features.

Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

#: Output channels of an Inception block's convolutions: 1x1; 1x1 and 3x3; 1x1 and 3x3; 1x1
#: behind the pooling. The block's output has the sum of columns 0, 2, 4 and 5.
_BLOCKS = {
    'Mixed_3b': (64, 96, 128, 16, 32, 32),
    'Mixed_3c': (128, 128, 192, 32, 96, 64),
    'Mixed_4b': (192, 96, 208, 16, 48, 64),
    'Mixed_4c': (160, 112, 224, 24, 64, 64),
    'Mixed_4d': (128, 128, 256, 24, 64, 64),
    'Mixed_4e': (112, 144, 288, 32, 64, 64),
    'Mixed_4f': (256, 160, 320, 32, 128, 128),
    'Mixed_5b': (256, 160, 320, 32, 128, 128),
    'Mixed_5c': (384, 192, 384, 48, 128, 128),
}
_NORM_EPS = 1e-3
_TF_PORT_NORM_EPS = 1e-5


def same_padding(
    size: Sequence[int], kernel: Sequence[int], stride: Sequence[int]
) -> list[tuple[int, int]]:
    """Zeros before and behind each axis so that the output has ``ceil(size / stride)`` elements.

    TensorFlow's "same" rule: of an odd number of zeros, one more goes behind.

    Args:
        size (Sequence[int]): Length of each axis.
        kernel (Sequence[int]): Kernel size of each axis.
        stride (Sequence[int]): Stride of each axis.

    Returns:
        list[tuple[int, int]]: Zeros (before, behind) of each axis.

    Examples:
        >>> same_padding((224, ), (7, ), (2, ))
        [(2, 3)]
        >>> same_padding((7, 8), (3, 3), (2, 2))
        [(1, 1), (0, 1)]
    """
    padding = []
    for length, width, step in zip(size, kernel, stride):
        total = max((-(-length // step) - 1) * step + width - length, 0)
        padding.append((total // 2, total - total // 2))
    return padding


def _pad_same(x: Tensor, kernel: Sequence[int], stride: Sequence[int]) -> Tensor:
    """Pad the last three axes of ``(N, C, T, H, W)`` with zeros."""
    padding = same_padding(x.shape[2:], kernel, stride)
    flat = [zeros for pair in reversed(padding) for zeros in pair]
    return F.pad(x, flat) if any(flat) else x


class _SameMaxPool(nn.MaxPool3d):
    """Max pooling with "same" padding; zeros do not matter, as inputs are non-negative."""

    kernel_size: tuple[int, int, int]
    stride: tuple[int, int, int]

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(_pad_same(x, self.kernel_size, self.stride))


class _ConvUnit(nn.Module):
    """Convolution with "same" padding and without bias, batch normalization, ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(in_channels, out_channels, kernel, stride=stride, bias=False)
        self.bn = nn.BatchNorm3d(out_channels, eps=_NORM_EPS, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = _pad_same(x, self.conv3d.kernel_size, self.conv3d.stride)
        return F.relu(self.bn(self.conv3d(x)), inplace=True)


class _InceptionBlock(nn.Module):
    """Four branches side by side, concatenated over channels."""

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.b0 = _ConvUnit(in_channels, widths[0])
        self.b1a = _ConvUnit(in_channels, widths[1])
        self.b1b = _ConvUnit(widths[1], widths[2], kernel=3)
        self.b2a = _ConvUnit(in_channels, widths[3])
        self.b2b = _ConvUnit(widths[3], widths[4], kernel=3)
        self.b3a = _SameMaxPool((3, 3, 3), stride=(1, 1, 1))
        self.b3b = _ConvUnit(in_channels, widths[5])

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], dim=1
        )


@MODELS.register_module()
class InceptionI3D(BaseModule):
    """Inception-v1 inflated to 3D, without its classifier.

    Its stages, parameters and buffers have the names of the public PyTorch weights
    (``rgb_imagenet.pt``, ``flow_imagenet.pt``), whose values load unchanged. The other public
    port (``i3d_rgb.pt``, ``i3d_flow.pt``) computes slightly different numbers, see
    :meth:`follow_tf_port`.

    Args:
        in_channels (int): 3 for RGB frames, 2 for optical flow (x, then y).
        init_cfg (dict | list[dict], optional): MMEngine's initialization config.

    Examples:
        >>> import torch
        >>> backbone = InceptionI3D(in_channels=2).eval()
        >>> with torch.no_grad():
        ...     backbone(torch.zeros(1, 2, 16, 32, 32)).shape
        torch.Size([1, 1024, 2, 1, 1])
    """

    def __init__(self, in_channels: int = 3, init_cfg=None) -> None:
        super().__init__(
            init_cfg=init_cfg
            or [
                dict(type='Kaiming', layer='Conv3d'),
                dict(type='Constant', layer='BatchNorm3d', val=1),
            ]
        )
        self.averages_windows = False
        self.add_module('Conv3d_1a_7x7', _ConvUnit(in_channels, 64, kernel=7, stride=2))
        self.add_module('MaxPool3d_2a_3x3', _SameMaxPool((1, 3, 3), stride=(1, 2, 2)))
        self.add_module('Conv3d_2b_1x1', _ConvUnit(64, 64))
        self.add_module('Conv3d_2c_3x3', _ConvUnit(64, 192, kernel=3))
        pools = {
            'Mixed_3b': ('MaxPool3d_3a_3x3', (1, 3, 3), (1, 2, 2)),
            'Mixed_4b': ('MaxPool3d_4a_3x3', (3, 3, 3), (2, 2, 2)),
            'Mixed_5b': ('MaxPool3d_5a_2x2', (2, 2, 2), (2, 2, 2)),
        }
        channels = 192
        for name, widths in _BLOCKS.items():
            if name in pools:
                pool, kernel, stride = pools[name]
                self.add_module(pool, _SameMaxPool(kernel, stride=stride))
            self.add_module(name, _InceptionBlock(channels, widths))
            channels = widths[0] + widths[2] + widths[4] + widths[5]

    def follow_tf_port(self) -> None:
        """Compute what ``kinetics_i3d_pytorch`` computes with weights of its own layout.

        Its batch normalization has an eps of 1e-5. Its output are averages over windows of
        2 x 7 x 7; the mean of these differs from the mean over the map for clips of more than 16
        frames or frames of more than 224 pixels.
        """
        self.averages_windows = True
        for module in self.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.eps = _TF_PORT_NORM_EPS

    def forward(self, x: Tensor) -> Tensor:
        """Features of clips.

        Args:
            x (Tensor): ``(N, in_channels, T, H, W)`` in [-1, 1].

        Returns:
            Tensor: ``(N, 1024, ceil(T / 8), ceil(H / 32), ceil(W / 32))``; after
            :meth:`follow_tf_port` averages over windows, of which there are fewer.
        """
        for stage in self.children():
            x = stage(x)
        if self.averages_windows:
            window = [min(size, width) for size, width in zip(x.shape[2:], (2, 7, 7))]
            x = F.avg_pool3d(x, window, stride=1)
        return x
