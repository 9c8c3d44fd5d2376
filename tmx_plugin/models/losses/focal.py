# SPDX-License-Identifier: Apache-2.0
"""Focal losses, without registry: element by element, and summed in bounded memory."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

#: Logits that are handled at once: on a CPU temporaries stay in the cache, on a GPU few launches.
CHUNKS = dict(cpu=2**18, cuda=2**24)


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


def focal_loss_sum(
    logits: Tensor,
    positives: Tensor,
    weight: Tensor,
    *,
    alpha: float = 0.25,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Weighted sum of :func:`sigmoid_focal_loss`, with the positive classes as indices.

    The logits are all that is kept for the backward pass; targets and all else are made for a chunk
    of the logits at a time, there again. Half precision is summed in float32.

    Args:
        logits (Tensor): (P, K).
        positives (Tensor): Pairs (Q, 2) of a row and a class that are there, int64, in the order
            of the rows.
        weight (Tensor): Of each row, (P, ).
        alpha (float): As there.
        gamma (float): As there.
        label_smoothing (float): s of target * (1 - s) + s / (K + 1).

    Returns:
        Tensor: Scalar, of at least single precision.

    Example:
        >>> focal_loss_sum(torch.zeros(1, 2), torch.tensor([[0, 0]]), torch.ones(1))
        tensor(0.1733)
    """
    return _FocalLossSum.apply(logits, positives, weight, alpha, gamma, label_smoothing)


def row_chunks(logits: Tensor, rows: Tensor) -> Iterator[tuple[slice, slice]]:
    """Parts of a table of logits, and which of its pairs lie in each.

    Args:
        logits (Tensor): (P, K).
        rows (Tensor): Row of each pair, (Q, ) int64, ascending.

    Yields:
        tuple[slice, slice]: Rows of the logits, and pairs of these rows.

    Example:
        >>> list(row_chunks(torch.zeros(3, 2**17), torch.tensor([0, 2])))
        [(slice(0, 2, None), slice(0, 1, None)), (slice(2, 4, None), slice(1, 2, None))]
    """
    step = max(CHUNKS.get(logits.device.type, CHUNKS['cuda']) // logits.shape[1], 1)
    starts = range(0, len(logits) + step, step)
    if len(starts) <= 2:  # without a look at the rows, for which a GPU would have to be waited for
        bounds = [0, len(rows)]
    else:
        bounds = torch.searchsorted(
            rows.contiguous(), torch.tensor(starts, device=rows.device)
        ).tolist()
    for i in range(len(starts) - 1):
        yield slice(starts[i], starts[i + 1]), slice(bounds[i], bounds[i + 1])


class _FocalLossSum(torch.autograd.Function):
    """See :func:`focal_loss_sum`."""

    @staticmethod
    def forward(ctx, logits, positives, weight, *settings) -> Tensor:
        ctx.save_for_backward(logits, positives, weight)
        ctx.settings = settings
        parts = _losses_of_chunks(logits, positives, weight, *settings)
        return torch.stack([loss for *_, loss in parts]).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple:
        grad_logits = torch.empty_like(ctx.saved_tensors[0])
        with torch.enable_grad():
            for rows, part, loss in _losses_of_chunks(*ctx.saved_tensors, *ctx.settings):
                (grad_logits[rows],) = torch.autograd.grad(loss, part, grad)
        return grad_logits, *[None] * 5


def _losses_of_chunks(
    logits: Tensor, positives: Tensor, weight: Tensor, alpha: float, gamma: float, smooth: float
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Rows, their logits and the sum of their loss, attached to these logits."""
    negative = smooth / (logits.shape[1] + 1)
    point, label = positives.unbind(1)
    for rows, pairs in row_chunks(logits, point):
        part = logits[rows].detach().to(torch.promote_types(logits.dtype, torch.float32))
        part.requires_grad_(torch.is_grad_enabled())
        targets = torch.full_like(part, negative)
        targets[point[pairs] - rows.start, label[pairs]] = 1 - smooth + negative
        loss = sigmoid_focal_loss(part, targets, alpha, gamma)
        yield rows, part, (loss * weight[rows, None]).sum()
