# SPDX-License-Identifier: Apache-2.0
"""The IoU family of 1-D segments, element by element: nothing of size P x P is built."""

import torch
from torch import Tensor


def aligned_segment_diou(pred: Tensor, target: Tensor, eps: float = 1e-7) -> Tensor:
    """Distance IoU of pairs of segments.

    Args:
        pred (Tensor): Segments (P, 2), start and end in one unit.
        target (Tensor): Segments (P, 2).
        eps (float): Least union and least squared hull that is divided by.

    Returns:
        Tensor: (P, ) inter / union - (distance of centres)^2 / hull^2.
    """
    (ps, pe), (ts, te) = pred.unbind(-1), target.unbind(-1)
    inter = (torch.minimum(pe, te) - torch.maximum(ps, ts)).clamp(min=0)
    union = (pe - ps) + (te - ts) - inter
    hull = torch.maximum(pe, te) - torch.minimum(ps, ts)
    distance = ((ps + pe) - (ts + te)) / 2
    return inter / union.clamp(min=eps) - distance**2 / (hull**2).clamp(min=eps)


def offset_diou_cost(pred: Tensor, target: Tensor, eps: float = 1e-8) -> Tensor:
    """Centre-distance IoU cost of offsets measured from one common point inside both segments.

    Args:
        pred (Tensor): Non-negative (left, right) offsets, (P, 2).
        target (Tensor): Non-negative (left, right) offsets, (P, 2).
        eps (float): Least union and least hull that is divided by.

    Returns:
        Tensor: (P, ) 1 - IoU + (distance of centres / hull)^2; lowest for equal offsets.
    """
    inter = torch.minimum(pred, target).sum(-1)
    union = pred.sum(-1) + target.sum(-1) - inter
    hull = torch.maximum(pred, target).sum(-1)
    distance = ((pred[..., 1] - pred[..., 0]) - (target[..., 1] - target[..., 0])) / 2
    return 1 - inter / union.clamp(min=eps) + (distance / hull.clamp(min=eps)) ** 2
