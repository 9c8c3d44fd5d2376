# SPDX-License-Identifier: Apache-2.0
"""Temporal non-maximum suppression of all classes at once, on the device of the scores.

Greedy suppression is sequential within a class only. Classes with similar numbers of candidates
therefore share a ``(K, n)`` array, and one step of four tensor operations picks the best remaining
candidate of each of them. The factors by which a pick lowers the others are computed beforehand,
for the candidates with the highest scores of the moment; a class that needs a candidate which has
none yet waits for the next round.

Letters: K classes of a group, n candidates of a class, R of them with factors, M results.
"""
from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import Callable

import torch
from torch import Tensor

from ...errors import ConfigError

METHODS = ('gaussian', 'linear', 'soft_hard', 'improved_gaussian', 'hard')

# Added to lengths, so that the IoU of segments without length is defined (0).
LENGTH_EPS = 1e-6
# Largest number of elements of a table of factors, or of voting weights.
TABLE_SIZE = 1 << 20
# Number of elements that are worked on together, to stay in the processor's cache.
CHUNK_SIZE = 1 << 17
# Picks between two looks at which classes are done.
STEPS = 64


@contextmanager
def one_thread():
    """Keep torch's operations on the CPU thread that calls them.

    On several threads, thousands of operations of some microseconds would each wait for a thread
    whose core may be busy with something else: up to a thousand times as long as the work itself.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
@torch.no_grad()
def segment_nms(segments: Tensor,
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
                voting_thresh: float = 0.) -> tuple[Tensor, Tensor, Tensor]:
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
    picks = _Picks(scores, max_seg_num)
    prefilter = method == 'hard'
    order, counts = _by_class(scores, classes, num_classes if multiclass else 1,
                              min_score, prefilter)
    for group in _groups(order, counts):
        _suppress(group, segments, scores, factor, min_score, picks)
    kept_scores, kept = picks.best()
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
    """
    starts, ends = segments.unbind(1)
    voted = []
    for rows in kept.split(max(1, TABLE_SIZE // max(1, len(segments)))):
        iou = _iou(rows[:, :1], rows[:, 1:], starts, ends, 0.)  # (m, n); NaN where both are empty
        weights = scores * (iou >= voting_thresh)
        total = weights.sum(1, keepdim=True)
        voted.append(torch.where(total > 0, weights @ segments / total, rows))
    return torch.cat(voted) if voted else kept


class _Picks:
    """The candidates kept so far, of all classes."""

    def __init__(self, scores: Tensor, max_seg_num: int) -> None:
        self.scores = [scores.new_empty(0)]
        self.ids = [torch.empty(0, dtype=torch.long, device=scores.device)]
        self.max_seg_num = max_seg_num
        self.count = 0

    def add(self, scores: Tensor, ids: Tensor) -> None:
        self.scores.append(scores)
        self.ids.append(ids)
        self.count += len(scores)

    def best(self) -> tuple[Tensor, Tensor]:
        """Scores and candidate numbers of the ``max_seg_num`` best, by descending score."""
        scores, ids = torch.cat(self.scores), torch.cat(self.ids)
        scores, order = scores.sort(descending=True, stable=True)
        ids = ids[order]
        scores, ids = scores[:self.max_seg_num], ids[:self.max_seg_num]
        return scores, ids

    def cut(self) -> float:
        """The score below which nothing can be among the best any more."""
        if self.count < self.max_seg_num or self.max_seg_num < 1:
            return 0.
        scores, ids = self.best()
        self.scores, self.ids = [scores], [ids]
        return float(scores[-1])


def _by_class(scores: Tensor, classes: Tensor, num_classes: int, min_score: float,
              prefilter: bool) -> tuple[Tensor, Tensor]:
    """Candidate numbers ordered by class, then by descending score, and their number per class."""
    order = scores.argsort(descending=True, stable=True)
    order = order[classes[order].argsort(stable=True)]
    classes, scores = classes[order], scores[order]
    # What starts below min_score is never picked and lowers nothing, unless it is the first.
    wanted = scores > min_score if prefilter and min_score > 0 else scores >= min_score
    if not prefilter and len(order):
        wanted[1:] |= classes[1:] != classes[:-1]
        wanted[0] = True
    wanted &= scores > 0
    return order[wanted], classes[wanted].bincount(minlength=num_classes)


def _groups(order: Tensor, counts: Tensor):
    """Yield ``(K, n)`` candidate numbers of classes of similar size, -1 behind their last.

    Large classes come first: they tend to hold the scores that let others end early.
    """
    offsets = counts.cumsum(0) - counts
    counts, classes = counts.sort(descending=True)
    offsets, sizes = offsets[classes], counts.tolist()
    first = 0
    while first < len(sizes) and sizes[first] > 0:
        # Small classes cost less as a padded part of a group than as steps of their own.
        smallest = max(1, sizes[first] // 2 - 64)
        last = first
        while last < len(sizes) and sizes[last] >= smallest:
            last += 1
        column = torch.arange(sizes[first], device=order.device)
        inside = column < counts[first:last, None]
        position = (offsets[first:last, None] + column).clamp_(max=len(order) - 1)
        yield torch.where(inside, order[position], -1)
        first = last


def _suppress(ids: Tensor, segments: Tensor, scores: Tensor, factor: Callable, min_score: float,
              picks: _Picks) -> None:
    """Greedy suppression in each row of ``ids`` (K, n), whose scores descend."""
    scores = scores[ids].masked_fill_(ids < 0, 0.)
    starts, ends = segments[ids].unbind(2)
    # The first of a class passes even below min_score; it is then alone.
    floor = scores[:, :1].clamp(max=min_score).clamp_(min=torch.finfo(scores.dtype).tiny)
    while True:
        alive = (scores[:, 0] >= floor[:, 0]) & (scores[:, 0] >= picks.cut())
        width = int(((scores >= floor) & alive[:, None]).any(0).sum())
        if not width:
            return
        ids, scores, starts, ends = (x[alive, :width] for x in (ids, scores, starts, ends))
        floor = floor[alive]
        ids, scores, starts, ends, floor = _round(ids, scores, starts, ends, floor, factor, picks)
        scores, order = scores.sort(dim=1, descending=True, stable=True)
        ids, starts, ends = (x.gather(1, order) for x in (ids, starts, ends))


def _round(ids, scores, starts, ends, floor, factor, picks):
    """Pick until most classes need a candidate that is not among the first R of their row."""
    K, n = scores.shape
    R = max(1, min(n, TABLE_SIZE // (K * n)))
    # One row more, of ones: a class that waits picks it and so stays as it is.
    table = _factor_table(starts, ends, R, factor).view(K * (R + 1), n)
    rows = torch.arange(n, device=scores.device).clamp_(max=R)
    rows = rows + torch.arange(K, device=scores.device)[:, None] * (R + 1)  # (K, n)
    while True:
        best, column = _pick(scores, table, rows, min(STEPS, n))  # (steps, K)
        kept = (best >= floor[:, 0]) & (column < R)
        picks.add(best[kept], ids.gather(1, column.t()).t()[kept])
        alive = best[-1] >= floor[:, 0].clamp(min=picks.cut())
        waiting = alive & (column[-1] >= R)
        num_alive, num_waiting, num_all = int(alive.sum()), int(waiting.sum()), len(alive)
        if num_alive < num_all:
            ids, scores, starts, ends = (x[alive] for x in (ids, scores, starts, ends))
            floor, rows = floor[alive], rows[alive]
        if 2 * num_waiting >= num_alive:
            return ids, scores, starts, ends, floor


def _pick(scores: Tensor, table: Tensor, rows: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Take the best of each class ``steps`` times; lowers ``scores`` (K, n) in place.

    Returns:
        tuple[Tensor, Tensor]: Score and column of each pick, ``(steps, K)``.
    """
    best = scores.new_empty(steps, len(scores), 1)
    column = rows.new_empty(steps, len(scores), 1)
    row, factors = rows.new_empty(len(scores), 1), table.new_empty(scores.shape)
    flat_row = row.view(-1)
    for value, index in zip(best.unbind(), column.unbind()):
        torch.max(scores, 1, keepdim=True, out=(value, index))
        torch.gather(rows, 1, index, out=row)
        torch.index_select(table, 0, flat_row, out=factors)
        scores.mul_(factors)
    return best.squeeze(2), column.squeeze(2)


def _factor_table(starts: Tensor, ends: Tensor, num_rows: int, factor: Callable) -> Tensor:
    """Factors (K, R + 1, n) that a pick of each of the first R candidates applies to all."""
    K, n = starts.shape
    table = starts.new_empty(K, num_rows + 1, n)
    table[:, num_rows] = 1.
    for part in torch.arange(num_rows).split(max(1, CHUNK_SIZE // (K * n))):
        part = slice(part[0], part[-1] + 1)
        kept_starts, kept_ends = starts[:, part, None], ends[:, part, None]
        iou = _iou(kept_starts, kept_ends, starts[:, None], ends[:, None], LENGTH_EPS)
        table[:, part] = factor(iou, kept_ends - kept_starts)
    # A pick takes itself out.
    table[:, :num_rows].diagonal(dim1=1, dim2=2).zero_()
    return table


def _iou(starts_a: Tensor, ends_a: Tensor, starts_b: Tensor, ends_b: Tensor, eps: float) -> Tensor:
    """IoU of segments that broadcast against each other; ``eps`` is added to the lengths."""
    inter = torch.minimum(ends_a, ends_b).sub_(torch.maximum(starts_a, starts_b)).clamp_(min=0.)
    union = ((ends_a - starts_a) + eps) + ((ends_b - starts_b) + eps)
    return inter.div_(union.sub_(inter))


def _gaussian(iou, kept_length, *, sigma, **_):
    return iou.square_().div_(-sigma).exp_()


def _improved_gaussian(iou, kept_length, *, sigma, t1, t2, **_):
    return torch.where(iou >= t1 + t2 * kept_length, (iou * iou).div_(-sigma).exp_(), 1.)


def _linear(iou, kept_length, *, iou_threshold, **_):
    return torch.where(iou >= iou_threshold, 1. - iou, 1.)


def _hard(iou, kept_length, *, iou_threshold, **_):
    return (iou < iou_threshold).to(iou)


_FACTORS = dict(gaussian=_gaussian, linear=_linear, soft_hard=_hard,
                improved_gaussian=_improved_gaussian, hard=_hard)
