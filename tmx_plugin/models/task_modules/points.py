# SPDX-License-Identifier: Apache-2.0
"""Anchor points of the pyramid and the segments decoded from them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Points(NamedTuple):
    """Anchor points of all levels, finest first; each a tensor over the N points, float32.

    Example:
        >>> points = pyramid_points([3, 2], [1, 2], [(0, 4), (4, 10000)])
        >>> points[points.stride == 2].time
        tensor([0., 2.])
    """

    time: Tensor  # (N, ) grid: t = i * stride, no half-stride offset
    stride: Tensor  # (N, ) grid steps between neighbours on the point's level
    range_low: Tensor  # (N, ) grid: least distance to the farther end of a segment
    range_high: Tensor  # (N, ) grid: largest such distance, both included

    def __getitem__(self, index: Any) -> Any:
        """Points chosen by a mask or an index."""
        return Points(*(values[index] for values in tuple(self)))


def pyramid_points(
    lengths: Sequence[int],
    strides: Sequence[float],
    regression_ranges: Sequence[Sequence[float]],
    device: torch.device | str | None = None,
) -> Points:
    """Points of all levels.

    Args:
        lengths (Sequence[int]): Length T_l of each level.
        strides (Sequence[float]): Stride of each level in grid steps.
        regression_ranges (Sequence[Sequence[float]]): Regression range of each level in grid
            steps, closed at both ends.
        device: Of the result.

    Returns:
        Points: The N = sum(T_l) points.

    Example:
        >>> pyramid_points([3, 2], [1, 2], [(0, 4), (4, 10000)]).time
        tensor([0., 1., 2., 0., 2.])
    """
    counts = torch.tensor(list(lengths), device=device)
    rows = torch.tensor(
        [(s, low, high) for s, (low, high) in zip(strides, regression_ranges)],
        dtype=torch.float32,
        device=device,
    )
    stride, low, high = rows.repeat_interleave(counts, dim=0).unbind(-1)
    index = torch.cat([torch.arange(n, device=device) for n in lengths])
    return Points(index * stride, stride, low, high)


def decode_segments(offsets: Tensor, points: Points) -> Tensor:
    """Segments on the grid from predicted offsets (paper eq. 6).

    Args:
        offsets (Tensor): Distances to start and end in strides, (..., N, 2).
        points (Points): The N points.

    Returns:
        Tensor: (..., N, 2), start = t - left * stride, end = t + right * stride.

    Example:
        >>> points = pyramid_points([2, 1], [1, 2], [(0, 4), (4, 10000)])
        >>> decode_segments(torch.tensor([[1., 1.], [0., 2.], [1., 3.]]), points)
        tensor([[-1.,  1.],
                [ 1.,  3.],
                [-2.,  6.]])
    """
    start = points.time - offsets[..., 0] * points.stride
    end = points.time + offsets[..., 1] * points.stride
    return torch.stack((start, end), dim=-1)
