# SPDX-License-Identifier: Apache-2.0
"""Average precision and recall of temporal detections, by the ActivityNet protocol.

All classes, videos and thresholds are done at once; nothing runs in Python per detection.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ...errors import ConfigError, DataError
from .matching import BLOCK, GreedyMatcher, GroundTruthIndex, index_of
from .segment_table import SegmentTable, clean_ground_truth


def average_precision(
    gt: SegmentTable,
    det: SegmentTable,
    tious: Sequence[float] | np.ndarray,
    *,
    keep_repeats: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Average precision of each class at each tIoU threshold.

    Per class, the detections of all videos are taken by descending score. Each takes the free
    ground truth of its video with the highest tIoU >= threshold, else it is a false positive. AP is
    the area under the precision-recall curve made monotone (VOC 2010 and later). Equal scores come
    in the order of ``numpy.argsort(scores)[::-1]`` over the class's detections, as in the
    ActivityNet evaluation; so the order of the rows matters where scores are tied.

    Args:
        gt (SegmentTable): Ground truth; repeats and segments with end <= start are dropped.
        det (SegmentTable): Detections with scores. Those of a label without ground truth are
            ignored; those in a video without ground truth are false positives.
        tious (Sequence[float]): T thresholds in (0, 1].
        keep_repeats (bool): Keep repeats in the ground truth, as the official ActivityNet
            evaluation does; see :func:`.segment_table.clean_ground_truth`. Each then asks for a
            detection of its own.

    Returns:
        tuple: classes (K,) int64, the labels that have ground truth, ascending; and AP (K, T)
        float64 in [0, 1]. mAP per threshold is ``ap.mean(axis=0)``.

    Raises:
        TmxError: No ground truth is left, thresholds out of range, or detections without scores.

    Example:
        >>> gt = SegmentTable([0, 0], [[0, 10], [20, 30]], [1, 1])
        >>> det = SegmentTable([0, 0], [[0, 10], [21, 30]], [1, 1], [.9, .8])
        >>> average_precision(gt, det, [.5, .95])
        (array([1]), array([[1. , 0.5]]))
    """
    index, ranking, taken_by = match_ranked(gt, det, tious, keep_repeats)
    # Rank of the detection that found each ground truth, from 1; infinite where none did.
    class_of = np.repeat(np.arange(len(index.classes)), np.diff(index.class_start))
    rank = np.where(
        taken_by == GreedyMatcher.FREE, np.inf, taken_by - ranking.class_start[class_of] + 1.0
    )
    ap = [_ap_of_ranks(part) for part in np.split(rank, index.class_start[1:-1], axis=1)]
    return index.classes, np.stack(ap)


def match_ranked(
    gt: SegmentTable,
    det: SegmentTable,
    tious: Sequence[float] | np.ndarray,
    keep_repeats: bool = False,
) -> tuple[GroundTruthIndex, 'Ranking', np.ndarray]:
    """Rank the detections of each class and match them to the ground truth, best first.

    Args:
        gt, det, tious, keep_repeats: As for :func:`average_precision`.

    Returns:
        tuple: :class:`.matching.GroundTruthIndex`, :class:`Ranking`, and (T, G) int64, the
        position in the ranking of the detection that took each ground truth, in the index's
        order; ``GreedyMatcher.FREE`` where none did.

    Raises:
        TmxError: As in :func:`average_precision`.

    Example:
        >>> gt = SegmentTable([0, 0], [[0, 10], [20, 30]], [1, 1])
        >>> det = SegmentTable([0, 0], [[0, 10], [21, 30]], [1, 1], [.8, .9])
        >>> index, ranking, taken_by = match_ranked(gt, det, [.5])
        >>> ranking.order[taken_by]
        array([[0, 1]])
    """
    index, ranking, tious = _prepare(gt, det, tious, keep_repeats)
    matcher = GreedyMatcher(index, tious)
    for position in _rank_blocks(ranking.class_start):
        matcher.add(*ranking.select(position))
    return index, ranking, matcher.taken_by


def mean_average_precision(ap: np.ndarray) -> tuple[float, list[float]]:
    """Mean of AP over classes, and its mean over thresholds.

    The sums are exact, so that the order of the classes does not show in the last digit.

    Args:
        ap (ndarray): (K, T) from :func:`average_precision`.

    Returns:
        tuple: average mAP (float) and mAP of each threshold (list of T floats), in [0, 1].

    Example:
        >>> mean_average_precision(np.array([[1., .5], [.5, 0.]]))
        (0.5, [0.75, 0.25])
    """
    values = [math.fsum(column) / len(column) for column in np.transpose(ap).tolist()]
    return math.fsum(values) / len(values), values


def topk_recall(
    gt: SegmentTable,
    det: SegmentTable,
    tious: Sequence[float] | np.ndarray,
    top_k: Sequence[int] | np.ndarray,
    *,
    keep_repeats: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the ground truth that the best detections find.

    Per class and video with n ground truths, the k * n best detections count; a ground truth is
    found if any of them reaches the tIoU threshold (one detection may find several). Equal scores
    come in the order of ``numpy.argsort(scores)[::-1]`` over the detections of the class and video.

    Args:
        gt, det, tious, keep_repeats: As for :func:`average_precision`.
        top_k (Sequence[int]): The multiples k.

    Returns:
        tuple: classes (K,) as in :func:`average_precision`, and recall (K, T, len(top_k)) float64
        in [0, 1]; its mean over classes is usually reported.

    Raises:
        TmxError: As in :func:`average_precision`.

    Example:
        >>> gt = SegmentTable([0, 0], [[0, 10], [20, 30]], [1, 1])
        >>> det = SegmentTable([0, 0], [[0, 10], [50, 60]], [1, 1], [.9, .8])
        >>> topk_recall(gt, det, [.5], [1])
        (array([1]), array([[[0.5]]]))
    """
    top_k = np.asarray(top_k, np.int64).reshape(-1)
    if (top_k < 1).any():
        raise ConfigError(f'top_k must be positive, got {top_k.tolist()}')
    index, ranking, tious = _prepare(gt, det, tious, keep_repeats)
    group, rank = ranking.group, ranking.rank_in_group()
    limit = np.diff(index.group_start)[group] * top_k[:, None]  # (k, D)
    found = np.zeros((len(tious), len(top_k), len(index)), bool)
    keep = np.flatnonzero((group >= 0) & (rank < limit.max(axis=0, initial=0)))
    for part in np.array_split(keep, len(keep) // BLOCK + 1):
        _, part_group, starts, ends = ranking.select(part)
        first, last = index.ranges(part_group, starts, ends, np.full(len(part), tious.min()))
        counts = np.where(ends > starts, np.maximum(last - first, 0), 0)
        pair_det, pair_gt, tiou = index.pairs(first, counts, starts, ends)
        counted = (rank < limit)[:, part[pair_det]]  # (k, P)
        for level, threshold in enumerate(tious):
            for i, mask in enumerate(counted & (tiou >= threshold)):
                found[level, i, pair_gt[mask]] = True
    recall = np.add.reduceat(found, index.class_start[:-1], axis=2, dtype=np.int64)
    return index.classes, np.moveaxis(recall / np.diff(index.class_start), 2, 0)


class Ranking:
    """Detections of known classes, by class and then by descending score: their *position*.

    Attributes:
        class_start (np.ndarray): (K + 1,) position at which each class begins.
        order (np.ndarray): (D,) row of the detection at each position.
        group (np.ndarray): (D,) group of the ground truth index, -1 where it has none.
    """

    def __init__(self, index: GroundTruthIndex, det: SegmentTable) -> None:
        class_of = index_of(det.labels, index.classes)
        known = np.flatnonzero(class_of >= 0)
        # Sorting 16-bit integers is linear in numpy.
        small = class_of[known].astype(np.int16 if len(index.classes) < 2**15 else np.int64)
        order = known[np.argsort(small, kind='stable')]
        sizes = np.bincount(small, minlength=len(index.classes))
        self.class_start = np.concatenate([[0], np.cumsum(sizes)])
        self._scores = np.asarray(det.scores)
        scores = self._scores[order]
        for start, end in zip(self.class_start[:-1], self.class_start[1:]):
            order[start:end] = order[start:end][np.argsort(scores[start:end])[::-1]]
        self.group = index.groups(np.repeat(np.arange(len(sizes)), sizes), det.videos[order])
        self._segments = det.segments
        self.order = order

    def rank_in_class(self) -> np.ndarray:
        """(D,) rank of each position in its class, from 0."""
        return np.arange(len(self.order)) - np.repeat(
            self.class_start[:-1], np.diff(self.class_start)
        )

    def rank_in_group(self) -> np.ndarray:
        """(D,) rank of each position among those of its class and video, from 0."""
        by_group = np.lexsort((self.order, self.group))  # within a group in the file's order
        rank = np.empty(len(by_group), np.int64)
        begins = np.flatnonzero(np.diff(self.group[by_group])) + 1
        for part in np.split(by_group, begins):
            rank[part[np.argsort(self._scores[self.order[part]])[::-1]]] = np.arange(len(part))
        return rank

    def select(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Position, group, starts and ends of the detections that have a group."""
        group = self.group[position]
        position = position[group >= 0]
        starts, ends = self._segments[self.order[position]].T
        return position, group[group >= 0], starts, ends


def _prepare(
    gt: SegmentTable, det: SegmentTable, tious: Sequence[float] | np.ndarray, keep_repeats: bool
) -> tuple[GroundTruthIndex, Ranking, np.ndarray]:
    """Check the input; index the ground truth and rank the detections."""
    tious = np.asarray(tious, np.float64).reshape(-1)
    if not len(tious) or not ((tious > 0) & (tious <= 1)).all():
        raise ConfigError(f'tIoU thresholds must be in (0, 1], got {tious.tolist()}')
    if det.scores is None:
        raise DataError('the detections have no scores')
    clean = clean_ground_truth(gt, keep_repeats=keep_repeats)
    if not len(clean):
        raise DataError(
            f'no ground truth to evaluate on: {len(gt)} segments were given, none of '
            'them with end > start'
        )
    index = GroundTruthIndex(clean.videos, clean.segments, clean.labels)
    return index, Ranking(index, det), tious


def _rank_blocks(class_start: np.ndarray) -> Iterator[np.ndarray]:
    """All positions in blocks of about ``BLOCK``: first the best of every class, and so on.

    So the ground truths that are easily found are taken early, and later blocks have little to do.
    """
    sizes = np.diff(class_start)
    rank = 0
    while rank < sizes.max(initial=0):
        width = max(BLOCK // np.count_nonzero(sizes > rank), 1)
        counts = np.clip(sizes - rank, 0, width)
        begin = class_start[:-1] + rank - (np.cumsum(counts) - counts)
        yield np.repeat(begin, counts) + np.arange(counts.sum())
        rank += width


def _ap_of_ranks(rank: np.ndarray) -> np.ndarray:
    """AP from the ranks (T, n) of the detections that found a class's n ground truths.

    The i-th true positive has precision i / rank and adds 1 / n of recall; between true positives
    precision only falls, so its monotone envelope needs no other points.
    """
    precision = np.arange(1, rank.shape[1] + 1) / np.sort(rank, axis=1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)
    return envelope.sum(axis=1) / rank.shape[1]
