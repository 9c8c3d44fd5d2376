# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from typing import Optional

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from ..losses.focal import sigmoid_focal_loss


@MODELS.register_module()
class FrameHead(BaseModule):
    """Classes of every grid step, from the finest level: a second task in training.

    It teaches the embedding which action goes on at each step, of every step instead of the few
    that are assigned to a segment. In testing it is not run.

    Args:
        num_classes (int): Number of classes K.
        in_channels (int): Channels of the pyramid.
        loss_weight (float): Weight of the loss. Defaults to 1.
        dropout (float): Share of the input that is dropped in training. Defaults to 0.

    Example:
        >>> head = FrameHead(num_classes=3, in_channels=8)
        >>> gt = InstanceData(segments=torch.tensor([[1., 2.]]), labels=torch.tensor([2]))
        >>> list(head.loss(torch.rand(1, 8, 5), torch.ones(1, 5, dtype=torch.bool), [gt]))
        ['loss_frame']
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 512,
        loss_weight: float = 1.0,
        dropout: float = 0.0,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(init_cfg)
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(in_channels, num_classes)
        self.loss_weight = loss_weight

    def loss(
        self, feats: Tensor, masks: Tensor, gt_instances: Sequence[InstanceData]
    ) -> dict[str, Tensor]:
        """Focal loss over the steps, divided by the number of steps with an action.

        Args:
            feats (Tensor): Finest level (B, C, T).
            masks (Tensor): Validity (B, T), bool.
            gt_instances (Sequence[InstanceData]): ``segments`` (G, 2) on the grid and ``labels``
                (G, ) of each video.

        Returns:
            dict: ``loss_frame``, weighted.
        """
        logits = self.classify(self.dropout(feats.transpose(1, 2)))  # (B, T, K)
        targets = torch.stack(
            [
                frame_targets(gt.segments, gt.labels, logits.shape[1], logits.shape[2])
                for gt in gt_instances
            ]
        )
        loss = sigmoid_focal_loss(logits[masks].float(), targets[masks], alpha=0.5)
        count = (targets.any(-1) & masks).sum().clamp(min=1)
        return dict(loss_frame=self.loss_weight * loss.sum() / count)


def frame_targets(segments: Tensor, labels: Tensor, length: int, num_classes: int) -> Tensor:
    """Which classes go on at each grid step.

    Args:
        segments (Tensor): (G, 2) on the grid.
        labels (Tensor): (G, ) int64.
        length (int): Number of steps T.
        num_classes (int): K.

    Returns:
        Tensor: (T, K) float32, 1 where a segment of the class holds the step, its ends included.

    Example:
        >>> frame_targets(torch.tensor([[.5, 2.]]), torch.tensor([1]), 4, 2)[:, 1]
        tensor([0., 1., 1., 0.])
    """
    time = torch.arange(length, device=segments.device)
    inside = (time >= segments[:, :1]) & (time <= segments[:, 1:])  # (G, T)
    out = segments.new_zeros(num_classes, length)
    return out.index_add_(0, labels, inside.to(out)).clamp_(max=1).T
