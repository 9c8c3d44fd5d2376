# SPDX-License-Identifier: Apache-2.0
from typing import Optional

from mmaction.registry import MODELS
from torch import Tensor, nn

from ..common.segment_iou import aligned_segment_diou
from .focal import sigmoid_focal_loss


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
        """Args: logits and targets (P, K), weight (P, ). Returns a scalar, not normalised."""
        if self.label_smoothing:
            smooth = self.label_smoothing
            targets = targets * (1 - smooth) + smooth / (logits.shape[-1] + 1)
        loss = sigmoid_focal_loss(logits, targets, self.alpha, self.gamma)
        return loss.sum() if weight is None else (loss * weight[:, None]).sum()


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
