# SPDX-License-Identifier: Apache-2.0
"""Which point learns which segment: dynamic assignment by cost, over the pairs that can matter.

Naming in this file: N points, G segments of one video, K classes, M pairs (point, segment) with the
point inside the segment. Only pairs are ever computed: no tensor holds N x G x K elements.
"""

from typing import NamedTuple

import torch
from mmaction.registry import TASK_UTILS
from torch import Tensor

from ...errors import ConfigError
from ..common.segment_iou import offset_diou_cost
from ..losses.focal import negative_focal_loss, row_chunks, sigmoid_focal_loss
from .points import Points


class Assignment(NamedTuple):
    """What the points of one video learn."""

    matched_points: Tensor  # (P, ) int64, point of each matched pair
    matched_gts: Tensor  # (P, ) int64, segment of each matched pair
    positives: Tensor  # (Q, 2) int64, point and class of the matched pairs, each once, by point
    nearest_gt: Tensor  # (N, ) int64, segment of least cost around the point, -1 where none is
    offset_targets: Tensor  # (N, 2) strides from the point to start and end of `nearest_gt`
    weights: Tensor  # (N, ) weight in both losses, 0 on padding
    num_classes: int  # K

    @property
    def class_targets(self) -> Tensor:
        """(N, K) 0 / 1, union over the matched segments; built when it is asked for."""
        targets = self.weights.new_zeros(len(self.weights), self.num_classes)
        targets[self.positives.unbind(1)] = 1
        return targets


@TASK_UTILS.register_module()
class TemporalSimOTAAssigner:
    """Anchor-free SimOTA-style assignment in time (paper sec. 3.4, after OTA: 2103.14259).

    A pair of a point and a segment is matched where the point lies in the centre of the segment,
    the segment's far end lies in the regression range of the point's level, and no shorter segment
    does the same there. The offsets of a point are learnt from the segment around it of least
    cost, matched or not.

    Args:
        cls_weight (float): Weight of the focal cost. Defaults to 1.
        iou_weight (float): Weight of the DIoU cost. Defaults to 2.
        center_radius (float): Half width of a segment's centre, in strides. Defaults to 1.5.
        keep_percent (float): Share of the points inside a segment, cheapest first, that keep
            weight 1. Defaults to 1.
        confuse_weight (float): Weight of the other points inside segments. Defaults to 0.

    Example:
        >>> from tmx_plugin.models.task_modules.points import pyramid_points
        >>> points = pyramid_points([6], [1], [(0, 10000)])
        >>> found = TemporalSimOTAAssigner().assign(
        ...     points, torch.ones(6, dtype=torch.bool), torch.zeros(6, 2), torch.ones(6, 2),
        ...     torch.tensor([[1., 4.]]), torch.tensor([1]))
        >>> found.matched_points
        tensor([2, 3])
    """

    def __init__(
        self,
        cls_weight: float = 1.0,
        iou_weight: float = 2.0,
        center_radius: float = 1.5,
        keep_percent: float = 1.0,
        confuse_weight: float = 0.0,
    ) -> None:
        if not 0 <= keep_percent <= 1:
            raise ConfigError(f'keep_percent must lie in [0, 1], got {keep_percent}')
        self.cls_weight = cls_weight
        self.iou_weight = iou_weight
        self.center_radius = center_radius
        self.keep_percent = keep_percent
        self.confuse_weight = confuse_weight

    @torch.no_grad()
    def assign(
        self,
        points: Points,
        valid: Tensor,
        cls_logits: Tensor,
        offsets: Tensor,
        gt_segments: Tensor,
        gt_labels: Tensor,
    ) -> Assignment:
        """Assign the points of one video.

        Args:
            points (Points): The N points of all levels.
            valid (Tensor): Which points lie in the video, (N, ) bool.
            cls_logits (Tensor): Class logits (N, K).
            offsets (Tensor): Predicted offsets in strides, non-negative, (N, 2).
            gt_segments (Tensor): Segments on the grid (G, 2), float32; G may be 0.
            gt_labels (Tensor): Their classes (G, ), int64.

        Returns:
            Assignment: Matched pairs, targets and weights.
        """
        # Costs compare nearly equal numbers: half precision would make them ties.
        cls_logits, offsets = cls_logits.float(), offsets.float()
        point_idx, gt_idx = pairs_inside(points, valid, gt_segments)
        pair_points: Points = points[point_idx]  # type: ignore[assignment]  # not one of its fields
        targets = gt_offsets(pair_points, gt_segments[gt_idx])  # (M, 2)
        costs = self.cls_weight * one_hot_focal_cost(cls_logits, point_idx, gt_labels[gt_idx])
        costs = costs + self.iou_weight * offset_diou_cost(offsets[point_idx], targets)  # (M, )

        num_points, num_gts = len(valid), len(gt_labels)
        nearest_gt, nearest_pair = cheapest_pair(costs, point_idx, gt_idx, num_points)
        matched = (
            matching_pairs(
                pair_points, point_idx, gt_segments[gt_idx], num_points, self.center_radius
            )
            & costs.isfinite()
        )
        matched_points, matched_gts = point_idx[matched], gt_idx[matched]
        num_classes = cls_logits.shape[1]
        positives = (matched_points * num_classes + gt_labels[matched_gts]).unique()
        offset_targets = torch.zeros_like(offsets)
        around = nearest_gt >= 0
        offset_targets[around] = targets[nearest_pair[around]]

        weights = valid.to(offsets.dtype)
        if self.keep_percent < 1:
            weights[point_idx] = self.confuse_weight
            kept = cheapest_share(costs, gt_idx, num_gts, self.keep_percent)
            weights[point_idx[kept]] = 1
        return Assignment(
            num_classes=num_classes,
            matched_points=matched_points,
            matched_gts=matched_gts,
            positives=torch.stack((positives // num_classes, positives % num_classes), 1),
            nearest_gt=nearest_gt,
            offset_targets=offset_targets,
            weights=weights,
        )


def pairs_inside(points: Points, valid: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of a valid point and a segment that contains it, both ends included.

    Returns:
        tuple[Tensor, Tensor]: Indices of points and of segments, (M, ) each, ordered by point.

    Example:
        >>> from tmx_plugin.models.task_modules.points import pyramid_points
        >>> points = pyramid_points([4], [1], [(0, 10000)])
        >>> pairs_inside(points, torch.ones(4, dtype=torch.bool), torch.tensor([[1., 2.]]))
        (tensor([1, 2]), tensor([0, 0]))
    """
    time = points.time[:, None]
    inside = (time >= segments[:, 0]) & (time <= segments[:, 1]) & valid[:, None]  # (N, G)
    point_idx, gt_idx = inside.nonzero(as_tuple=True)
    return point_idx, gt_idx


def gt_offsets(points: Points, segments: Tensor) -> Tensor:
    """Distances (M, 2) in strides from each point to the start and the end of its segment.

    Example:
        >>> from tmx_plugin.models.task_modules.points import pyramid_points
        >>> points = pyramid_points([2], [1], [(0, 10000)])
        >>> gt_offsets(points, torch.tensor([[0., 3.], [0., 3.]]))
        tensor([[0., 3.],
                [1., 2.]])
    """
    left = points.time - segments[:, 0]
    right = segments[:, 1] - points.time
    return torch.stack((left, right), dim=-1) / points.stride[:, None]


def one_hot_focal_cost(cls_logits: Tensor, point_idx: Tensor, labels: Tensor) -> Tensor:
    """Focal loss of a point's K logits against the one-hot vector of a pair's label, summed over K.

    All classes but one are negative: one sum a point and a correction a pair suffice.

    Args:
        cls_logits (Tensor): (N, K).
        point_idx (Tensor): Point of each pair, (M, ), ascending.
        labels (Tensor): Label of each pair, (M, ).

    Returns:
        Tensor: (M, ).

    Example:
        >>> one_hot_focal_cost(torch.zeros(1, 2), torch.tensor([0]), torch.tensor([1]))
        tensor([0.1733])
    """
    logits = cls_logits[point_idx, labels]
    positive = sigmoid_focal_loss(logits, torch.ones_like(logits))
    sums, at_pairs = [], []
    for rows, pairs in row_chunks(cls_logits, point_idx):
        negative = negative_focal_loss(cls_logits[rows])
        sums.append(negative.sum(-1))
        at_pairs.append(negative[point_idx[pairs] - rows.start, labels[pairs]])
    return torch.cat(sums)[point_idx] + (positive - torch.cat(at_pairs))


def cheapest_pair(
    costs: Tensor, point_idx: Tensor, gt_idx: Tensor, num_points: int
) -> tuple[Tensor, Tensor]:
    """For each point the segment of least cost around it; of equal costs the first segment.

    Returns:
        tuple[Tensor, Tensor]: Segment and pair index of each point, (N, ) each, -1 where a point
        lies in no segment.

    Example:
        >>> cheapest_pair(
        ...     torch.tensor([3., 2., 4.]), torch.tensor([0, 0, 2]), torch.tensor([0, 1, 1]), 3)
        (tensor([ 1, -1,  1]), tensor([ 1, -1,  2]))
    """
    least = costs.new_full((num_points,), torch.inf).scatter_reduce(0, point_idx, costs, 'amin')
    pair = (costs == least[point_idx]).nonzero()[:, 0]
    none = len(costs)
    first = pair.new_full((num_points,), none).scatter_reduce(0, point_idx[pair], pair, 'amin')
    first[first == none] = -1  # pairs are ordered by segment within a point
    nearest_gt = torch.full_like(first, -1)
    nearest_gt[first >= 0] = gt_idx[first[first >= 0]]
    return nearest_gt, first


def matching_pairs(
    points: Points, point_idx: Tensor, segments: Tensor, num_points: int, center_radius: float
) -> Tensor:
    """Pairs (M, ) bool that satisfy centre, regression range and "no shorter one does".

    Example:
        >>> from tmx_plugin.models.task_modules.points import pyramid_points
        >>> points = pyramid_points([4], [1], [(0, 10000)])
        >>> matching_pairs(points, torch.arange(4), torch.tensor([[0., 2.]] * 4), 4, 1.5)
        tensor([False,  True, False, False])
    """
    time = points.time
    start, end = segments.unbind(-1)
    center, reach = (start + end) / 2, center_radius * points.stride
    in_center = (time > torch.maximum(start, center - reach)) & (
        time < torch.minimum(end, center + reach)
    )
    far_end = torch.maximum(time - start, end - time)
    candidate = in_center & (far_end >= points.range_low) & (far_end <= points.range_high)
    length = torch.where(candidate, end - start, torch.inf)
    shortest = length.new_full((num_points,), torch.inf).scatter_reduce(
        0, point_idx, length, 'amin'
    )
    return candidate & (length <= shortest[point_idx] + 1e-3)


def cheapest_share(costs: Tensor, gt_idx: Tensor, num_gts: int, share: float) -> Tensor:
    """Pairs (M, ) bool among the cheapest ``share`` of the pairs of their segment.

    Example:
        >>> cheapest_share(torch.tensor([1., 3., 2., 4.]), torch.tensor([0, 0, 0, 0]), 1, .5)
        tensor([ True, False,  True, False])
    """
    order = costs.argsort(stable=True)
    order = order[gt_idx[order].argsort(stable=True)]  # by segment, then by cost
    counts = gt_idx.bincount(minlength=num_gts)
    first = counts.cumsum(0) - counts
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device) - first[gt_idx[order]]
    return rank < (counts * share).long()[gt_idx]
