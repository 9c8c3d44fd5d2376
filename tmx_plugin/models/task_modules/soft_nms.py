# SPDX-License-Identifier: Apache-2.0
"""Temporal non-maximum suppression of all classes at once, on the device of the scores.

Greedy suppression is sequential within a class only: the candidates lie in a padded ``(K, n)``
array, and each step picks the best of every class and lowers the rest of its row.

Computing all factors beforehand and grouping classes by size was 2 times as fast on MultiTHUMOS
(30 ms against 60 a video on one thread) and 1.4 times on the other data sets, in 85 more lines.

Letters: K classes, n candidates of a class, M results.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Callable

import torch
from torch import Tensor

from ...errors import ConfigError

# Added to lengths, so that the IoU of segments without length is defined (0).
LENGTH_EPS = 1e-6
# Largest number of voting weights at a time.
CHUNK_SIZE = 1 << 20
# Picks of each class between two looks at which candidates are still of interest.
STEPS = 32


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch's operations on the CPU thread that calls them.

    On several threads, thousands of operations of some microseconds would each wait for a thread
    whose core may be busy with something else: up to a thousand times as long as the work itself.

    Example:
        >>> with one_thread():
        ...     torch.get_num_threads()
        1
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
@torch.no_grad()
def segment_nms(
    segments: Tensor,
    scores: Tensor,
    labels: Tensor,
    *,
    num_classes: int,
    method: str = 'gaussian',
    sigma: float = 0.5,
    iou_threshold: float = 0.1,
    t1: float = 0.2,
    t2: float = 0.01,
    min_score: float = 0.001,
    max_seg_num: int = 100,
    multiclass: bool = True,
    voting_thresh: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Exact greedy (soft-) NMS of one video.

    In each class the candidate with the highest score is kept (the earliest of equals), the
    scores of all others are multiplied by a factor of their IoU with it, those that fall below
    ``min_score`` are dropped, and so on. The factors are:

    ===================== ======================================================================
    ``gaussian``          ``exp(-iou^2 / sigma)``
    ``linear``            ``1 - iou`` where ``iou >= iou_threshold``
    ``soft_hard``         ``0`` where ``iou >= iou_threshold``
    ``improved_gaussian`` as ``gaussian``, where ``iou >= t1 + t2 * length of the kept segment``
    ``hard``              as ``soft_hard``, but ``min_score`` is applied once, before: candidates
                          with ``score <= min_score`` are dropped, if ``min_score > 0``
    ===================== ======================================================================

    As the published implementation does, the soft methods never test the first candidate kept in
    a class against ``min_score``. A score of zero is dropped whatever ``min_score`` is.

    Args:
        segments (Tensor): ``(n, 2)`` start and end, in any unit of time (grid).
        scores (Tensor): ``(n,)`` positive.
        labels (Tensor): ``(n,)`` int64, in ``[0, num_classes)``.
        num_classes (int): Number of classes.
        method (str): One of the above.
        sigma (float): Width of the Gaussian.
        iou_threshold (float): See above.
        t1 (float): See above.
        t2 (float): See above; per unit of ``segments``.
        min_score (float): Lowest score of interest.
        max_seg_num (int): Largest number of results, over all classes.
        multiclass (bool): False lets segments of all classes suppress each other.
        voting_thresh (float): If positive and not ``multiclass``, each result becomes the mean,
            weighted by the scores given, of all the candidates given that have at least this IoU
            with it (lengths without the small constant that the suppression adds).

    Returns:
        tuple[Tensor, Tensor, Tensor]: Segments ``(M, 2)``, scores ``(M,)`` and labels ``(M,)``,
        by descending score.

    Raises:
        ConfigError: If ``method`` is unknown.

    Example:
        >>> segments = torch.tensor([[0., 10.], [1., 10.], [20., 30.]])
        >>> segment_nms(segments, torch.tensor([.9, .8, .7]), torch.tensor([0, 0, 0]),
        ...             num_classes=1, method='hard', iou_threshold=0.5)[1]
        tensor([0.9000, 0.7000])
    """
    if method not in METHODS:
        raise ConfigError(f'method {method!r} is not one of {", ".join(METHODS)}')
    factor = partial(_FACTORS[method], sigma=sigma, iou_threshold=iou_threshold, t1=t1, t2=t2)
    classes = labels if multiclass else torch.zeros_like(labels)
    ids = _by_class(scores, classes, num_classes if multiclass else 1)
    left = scores[ids].masked_fill_(ids < 0, 0.0)
    if method != 'hard':
        left[:, 1:] *= left[:, 1:] >= min_score  # the first of a class passes; it is then alone
    elif min_score > 0:
        left *= left > min_score
    kept_scores, kept = _suppress(left, ids, segments, factor, min_score, max_seg_num)
    kept_segments = segments[kept]
    if voting_thresh > 0 and not multiclass:
        kept_segments = vote_segments(kept_segments, segments, scores, voting_thresh)
    return kept_segments, kept_scores, labels[kept]


def vote_segments(kept: Tensor, segments: Tensor, scores: Tensor, voting_thresh: float) -> Tensor:
    """Replace each kept segment by the mean of the candidates that overlap with it.

    Args:
        kept (Tensor): ``(M, 2)``.
        segments (Tensor): ``(n, 2)`` all candidates.
        scores (Tensor): ``(n,)`` their weights.
        voting_thresh (float): Least IoU of a candidate that takes part.

    Returns:
        Tensor: ``(M, 2)``. A segment with which nothing overlaps (one without length) stays.

    Example:
        >>> segments = torch.tensor([[0., 10.], [2., 10.]])
        >>> vote_segments(segments[:1], segments, torch.tensor([.6, .2]), .8)
        tensor([[ 0.5000, 10.0000]])
    """
    starts, ends = segments.unbind(1)
    voted = []
    for rows in kept.split(max(1, CHUNK_SIZE // max(1, len(segments)))):
        iou = _iou(rows[:, :1], rows[:, 1:], starts, ends, 0.0)  # (m, n); NaN where both are empty
        weights = scores * (iou >= voting_thresh)
        total = weights.sum(1, keepdim=True)
        voted.append(torch.where(total > 0, weights @ segments / total, rows))
    return torch.cat(voted) if voted else kept


def _by_class(scores: Tensor, classes: Tensor, num_classes: int) -> Tensor:
    """Candidate numbers (K, n), by descending score in each class, -1 behind its last."""
    order = scores.argsort(descending=True, stable=True)
    order = order[classes[order].argsort(stable=True)]
    counts = classes.bincount(minlength=num_classes)
    ids = order.new_full((len(counts), int(counts.max())), -1)
    ids[torch.arange(ids.shape[1], device=order.device) < counts[:, None]] = order
    return ids


def _suppress(
    left: Tensor,
    ids: Tensor,
    segments: Tensor,
    factor: Callable,
    min_score: float,
    max_seg_num: int,
) -> tuple[Tensor, Tensor]:
    """Greedy suppression in each row.

    Args:
        left (Tensor): (K, n) scores, descending, 0 where there is no candidate; changed in place.
        ids (Tensor): (K, n) candidate numbers.

    Returns:
        tuple[Tensor, Tensor]: Scores (M,), descending, and candidate numbers (M,).
    """
    starts, ends = segments[ids].unbind(2)
    floor = left[:, :1].clamp(max=min_score).clamp_(min=torch.finfo(left.dtype).tiny)
    found, kept, cut = left.new_empty(0), ids.new_empty(0), 0.0
    while left.numel():
        # Leave out what can no longer be picked or not be among the best.
        left, order = left.sort(dim=1, descending=True, stable=True)
        alive = (left[:, 0] >= floor[:, 0]) & (left[:, 0] >= cut)
        width = int((left >= floor)[alive].sum(1).max()) if alive.any() else 0
        left, floor, order = left[alive, :width], floor[alive], order[alive, :width]
        ids, starts, ends = (x[alive].gather(1, order) for x in (ids, starts, ends))
        best, column = _pick(left, starts, ends, factor, min(STEPS, width))
        passed = best >= floor
        found, order = torch.cat([found, best[passed]]).sort(descending=True, stable=True)
        kept = torch.cat([kept, ids.gather(1, column)[passed]])[order[:max_seg_num]]
        found = found[:max_seg_num]
        cut = float(found[-1]) if len(found) == max_seg_num else 0.0
    return found, kept


def _pick(
    left: Tensor, starts: Tensor, ends: Tensor, factor: Callable, steps: int
) -> tuple[Tensor, Tensor]:
    """Take the best of each row ``steps`` times; lowers ``left`` (K, n) in place.

    Returns:
        tuple[Tensor, Tensor]: Score and column of each pick, ``(K, steps)``.
    """
    best = left.new_empty(len(left), steps)
    column = torch.empty_like(best, dtype=torch.long)
    for step in range(steps):
        value, index = left.max(1, keepdim=True)
        start, end = starts.gather(1, index), ends.gather(1, index)
        left *= factor(_iou(start, end, starts, ends, LENGTH_EPS), end - start)
        left.scatter_(1, index, 0.0)  # a pick takes itself out
        best[:, step : step + 1], column[:, step : step + 1] = value, index
    return best, column


def _iou(starts_a: Tensor, ends_a: Tensor, starts_b: Tensor, ends_b: Tensor, eps: float) -> Tensor:
    """IoU of segments that broadcast against each other; ``eps`` is added to the lengths."""
    inter = torch.minimum(ends_a, ends_b).sub_(torch.maximum(starts_a, starts_b)).clamp_(min=0.0)
    union = ((ends_a - starts_a) + eps) + ((ends_b - starts_b) + eps)
    return inter.div_(union.sub_(inter))


def _gaussian(iou: Tensor, kept_length: Tensor, *, sigma: float, **_: float) -> Tensor:
    return iou.square_().div_(-sigma).exp_()


def _improved_gaussian(
    iou: Tensor, kept_length: Tensor, *, sigma: float, t1: float, t2: float, **_: float
) -> Tensor:
    return torch.where(iou >= t1 + t2 * kept_length, (iou * iou).div_(-sigma).exp_(), 1.0)


def _linear(iou: Tensor, kept_length: Tensor, *, iou_threshold: float, **_: float) -> Tensor:
    return torch.where(iou >= iou_threshold, 1.0 - iou, 1.0)


def _hard(iou: Tensor, kept_length: Tensor, *, iou_threshold: float, **_: float) -> Tensor:
    return (iou < iou_threshold).to(iou)


_FACTORS: dict[str, Callable[..., Tensor]] = dict(
    gaussian=_gaussian,
    linear=_linear,
    soft_hard=_hard,
    improved_gaussian=_improved_gaussian,
    hard=_hard,
)
#: Names of the methods.
METHODS = tuple(_FACTORS)
