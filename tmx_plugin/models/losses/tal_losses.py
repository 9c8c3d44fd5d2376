# SPDX-License-Identifier: Apache-2.0
from typing import Optional

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn

from ..common.segment_iou import aligned_segment_diou
from .focal import focal_loss_sum


@MODELS.register_module()
class SnippetFocalLoss(nn.Module):
    """Sum of the sigmoid focal loss over points and classes.

    Args:
        alpha (float): Weight of positives. Defaults to 0.25.
        gamma (float): Focusing exponent. Defaults to 2.
        label_smoothing (float): s of target * (1 - s) + s / (K + 1). Defaults to 0.

    Example:
        >>> import torch
        >>> SnippetFocalLoss()(torch.zeros(1, 2), torch.tensor([[1., 0.]]))
        tensor(0.1733)
    """

    def __init__(
        self, alpha: float = 0.25, gamma: float = 2.0, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.alpha, self.gamma, self.label_smoothing = alpha, gamma, label_smoothing

    def forward(self, logits: Tensor, targets: Tensor, weight: Optional[Tensor] = None) -> Tensor:
        """Sum over points and classes, not normalised.

        Args:
            logits (Tensor): (P, K).
            targets (Tensor): The classes that are there: pairs (Q, 2) of a point and a class,
                int64, in the order of the points; or (P, K), 0 or 1, of another dtype.
            weight (Tensor, optional): Of each point, (P, ).

        Returns:
            Tensor: Scalar.
        """
        return focal_loss_sum(
            logits,
            targets if targets.dtype == torch.int64 else targets.nonzero(),
            logits.new_ones(len(logits)) if weight is None else weight,
            alpha=self.alpha,
            gamma=self.gamma,
            label_smoothing=self.label_smoothing,
        )


@MODELS.register_module()
class SegmentDIoULoss(nn.Module):
    """Sum of 1 - DIoU over pairs of segments (arXiv 1911.08287, eq. 7, in one dimension).

    Example:
        >>> import torch
        >>> SegmentDIoULoss()(torch.tensor([[0., 10.]]), torch.tensor([[0., 5.]]))
        tensor(0.5625)
    """

    def forward(self, pred: Tensor, target: Tensor, weight: Optional[Tensor] = None) -> Tensor:
        """Args: pred and target (P, 2), weight (P, ). Returns a scalar, not normalised."""
        loss = 1 - aligned_segment_diou(pred, target)
        return loss.sum() if weight is None else (loss * weight).sum()
