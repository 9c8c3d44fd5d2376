# SPDX-License-Identifier: Apache-2.0
"""Element-wise losses, without registry or reduction."""

import torch
import torch.nn.functional as F
from torch import Tensor


def sigmoid_focal_loss(
    logits: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Focal loss of independent classes (arXiv 1708.02002, eq. 5), element by element.

    Args:
        logits (Tensor): Any shape.
        targets (Tensor): In [0, 1], broadcastable to ``logits``.
        alpha (float): Weight of positives; negatives get 1 - alpha.
        gamma (float): How much well-classified elements are faded out.

    Returns:
        Tensor: Of the shape of ``logits``.

    Example:
        >>> sigmoid_focal_loss(torch.zeros(2), torch.tensor([1., 0.]))
        tensor([0.0433, 0.1300])
    """
    prob = torch.sigmoid(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction='none')
    wrong = prob + targets - 2 * prob * targets  # 1 - p_t
    return (alpha * targets + (1 - alpha) * (1 - targets)) * entropy * wrong**gamma


def negative_focal_loss(logits: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """:func:`sigmoid_focal_loss` where all targets are 0, in fewer steps; no gradient.

    Args:
        logits (Tensor): Any shape.
        alpha (float): As there.
        gamma (float): As there.

    Returns:
        Tensor: Of the shape of ``logits``.

    Example:
        >>> negative_focal_loss(torch.zeros(1))
        tensor([0.1300])
    """
    with torch.no_grad():
        return torch.sigmoid(logits).pow_(gamma).mul_(F.softplus(logits)).mul_(1 - alpha)
