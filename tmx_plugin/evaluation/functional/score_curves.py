# SPDX-License-Identifier: Apache-2.0
"""What a threshold on the score gives: precision, recall, F1, calibration, recall of proposals.

Naming convention: D detections, G ground truths, T tIoU thresholds.
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np

from .overlaps import pairwise_tiou, rows_by_video
from .segment_table import SegmentTable


class ScoreCurve(NamedTuple):
    """Precision, recall and F1 of the detections whose score reaches a threshold.

    One point for each distinct score, in descending order; all arrays are (S,) float64.

    Attributes:
        threshold (ndarray): Halfway between the score and the next lower one (at the end 0), so
            that rounding the scores does not change what is kept.
        precision, recall, f1 (ndarray): In [0, 1].
    """

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray

    def best(self) -> Optional[dict]:
        """Threshold, precision, recall and f1 where F1 is highest (the highest such threshold).

        None where no detection is right.
        """
        if not len(self.f1) or self.f1.max() == 0:
            return None
        point = int(self.f1.argmax())
        return {name: float(values[point]) for name, values in zip(self._fields, self)}

    def thin(self, max_points: int) -> 'ScoreCurve':
        """At most ``max_points`` of the points, dense at high scores; both ends among them."""
        count = len(self.threshold)
        steps = np.geomspace(1, count, min(count, max_points)) if count else np.empty(0)
        keep = np.unique(steps.round().astype(int)) - 1
        return ScoreCurve(*(values[keep] for values in self))


def score_curve(scores: np.ndarray, true_positive: np.ndarray, num_gt: int) -> ScoreCurve:
    """Precision, recall and F1 against the score.

    The greedy matching takes detections by descending score, so that the matches of those above
    a threshold are the matches of all detections, cut off there.

    Args:
        scores (ndarray): (D,) of one class, or of all pooled.
        true_positive (ndarray): (D,) bool, whether the matching gives a ground truth.
        num_gt (int): G, at least 1.

    Returns:
        ScoreCurve: See there.

    Example:
        >>> score_curve([.9, .5, .3], [True, False, True], 2).best()['threshold']
        0.15
    """
    scores = np.asarray(scores, np.float64)
    order = np.argsort(-scores, kind='stable')
    scores = scores[order]
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else order
    hits = np.cumsum(np.asarray(true_positive, bool)[order])[last].astype(np.float64)
    count = np.asarray(last, np.float64) + 1
    value = scores[last]
    lower = np.append(value[1:], np.minimum(value[-1:], 0))
    middle = (value + lower) / 2
    return ScoreCurve(
        threshold=np.where(middle > lower, middle, value),
        precision=hits / count,
        recall=hits / num_gt,
        f1=2 * hits / (count + num_gt),
    )


def calibration(scores: np.ndarray, true_positive: np.ndarray, num_bins: int = 10) -> dict:
    """How often detections of a score are right.

    Args:
        scores (ndarray): (D,) in [0, 1].
        true_positive (ndarray): (D,) bool.
        num_bins (int): Equal intervals of the score; 1 belongs to the last.

    Returns:
        dict: ``edges`` (num_bins + 1,), ``count``, ``score`` (mean) and ``precision``, each
        (num_bins,) with nan in empty bins, and ``error``: mean of abs(score - precision) over the
        bins, weighted by their counts (expected calibration error).

    Example:
        >>> found = calibration([.9, .9, .1, .1], [True, True, False, False], num_bins=2)
        >>> found['precision'], round(found['error'], 3)
        (array([0., 1.]), 0.1)
    """
    scores = np.asarray(scores, np.float64)
    edges = np.linspace(0, 1, num_bins + 1)
    group = np.clip(np.searchsorted(edges, scores, side='right') - 1, 0, num_bins - 1)
    count = np.bincount(group, minlength=num_bins)
    with np.errstate(invalid='ignore'):
        mean = np.bincount(group, scores, num_bins) / count
        precision = np.bincount(group, np.asarray(true_positive, np.float64), num_bins) / count
    error = np.nansum(count * np.abs(mean - precision)) / max(len(scores), 1)
    return dict(edges=edges, count=count, score=mean, precision=precision, error=float(error))


def proposal_recall(
    gt: SegmentTable,
    det: SegmentTable,
    tious: Sequence[float] | np.ndarray,
    counts: Sequence[int] | np.ndarray,
) -> np.ndarray:
    """Recall of the best detections of each video as proposals: their labels do not count.

    A ground truth is found if any of the N best detections of its video reaches the tIoU. The
    mean over the tIoUs .5, .55, ... .95 is ActivityNet's average recall at N.

    Args:
        gt, det (SegmentTable): Ground truth and detections.
        tious (Sequence[float]): T thresholds.
        counts (Sequence[int]): Numbers of proposals N.

    Returns:
        ndarray: (T, len(counts)) in [0, 1].

    Example:
        >>> gt = SegmentTable([0, 0], [[0, 10], [20, 30]], [1, 2])
        >>> det = SegmentTable([0, 0], [[0, 10], [20, 30]], [2, 2], [.9, .8])
        >>> proposal_recall(gt, det, [.5], [1, 2])
        array([[0.5, 1. ]])
    """
    counts = np.asarray(counts, np.int64)
    best = np.zeros((len(counts), len(gt)))
    proposals = rows_by_video(det)
    for video, rows in rows_by_video(gt).items():
        found = proposals.get(video, np.empty(0, np.int64))
        order = np.argsort(-np.asarray(det.scores)[found], kind='stable')[: counts.max()]
        if len(order):
            tiou = pairwise_tiou(gt.segments[rows], det.segments[found[order]])
            reached = np.maximum.accumulate(tiou, axis=1)  # (G_v, N)
            best[:, rows] = reached[:, np.minimum(counts, len(order)) - 1].T
    return (best >= np.asarray(tious, np.float64)[:, None, None]).mean(axis=2)
