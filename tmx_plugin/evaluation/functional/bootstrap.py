# SPDX-License-Identifier: Apache-2.0
"""How much of a difference of mAP is the choice of videos: a paired bootstrap over videos.

Detections are matched within their video, so that drawing videos anew changes no match: each
video gets a weight, the number of times it was drawn, and average precision is summed with weights.
"""

import numpy as np

from .segment_table import SegmentTable

# Resamples at a time are so many that this many weights of detections are held.
_MAX_WEIGHTS = 1 << 24


def draw_videos(num_videos: int, rounds: int, seed: int = 0) -> np.ndarray:
    """How often each video is drawn in each of many samples with replacement.

    Args:
        num_videos (int): V.
        rounds (int): B samples.
        seed (int): Of numpy's generator.

    Returns:
        ndarray: (B, V) int64, each row sums to V.

    Example:
        >>> draw_videos(3, rounds=5).sum(axis=1)
        array([3, 3, 3, 3, 3])
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(num_videos, np.full(num_videos, 1 / num_videos), size=rounds)


def resampled_map(
    gt: SegmentTable, det: SegmentTable, found_by: np.ndarray, rank: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Average mAP where each video counts as often as a weight says.

    Args:
        gt, det (SegmentTable): Cleaned ground truth and detections; videos are 0 to V - 1.
        found_by (ndarray): (T, G) int64 row of the detection that found each, -1 where none did.
        rank (ndarray): (D,) int64 place of each detection in its class by score, from 0.
        weights (ndarray): (B, V) int.

    Returns:
        ndarray: (B,) float64 in [0, 1]. Classes without ground truth in a sample do not count
        in its mean.

    Example:
        >>> gt = SegmentTable([0, 1], [[0, 10], [0, 10]], [0, 0])
        >>> det = SegmentTable([0], [[0, 10]], [0], [.9])
        >>> resampled_map(gt, det, np.array([[0, -1]]), np.array([0]), np.array([[1, 1], [2, 0]]))
        array([0.5, 1. ])
    """
    labels = np.unique(gt.labels)
    total = np.full((len(labels), len(weights)), np.nan)
    for row, label in zip(total, labels):
        gt_rows = np.flatnonzero(gt.labels == label)
        det_rows = np.flatnonzero(det.labels == label)
        det_rows = det_rows[np.argsort(rank[det_rows])]
        step = max(_MAX_WEIGHTS // (len(det_rows) + 1), 1)
        for begin in range(0, len(weights), step):
            part = weights[begin : begin + step]
            row[begin : begin + step] = _class_ap(
                part[:, gt.videos[gt_rows]],
                np.cumsum(part[:, det.videos[det_rows]], axis=1),
                found_by[:, gt_rows],
                rank,
            )
    return np.nanmean(total, axis=0)


def _class_ap(
    gt_weight: np.ndarray, det_count: np.ndarray, found_by: np.ndarray, rank: np.ndarray
) -> np.ndarray:
    """AP of a class averaged over thresholds, of weights (B, n) and running counts (B, D_c)."""
    area = np.zeros(len(gt_weight))
    for finder in found_by:
        found = np.flatnonzero(finder >= 0)
        place = rank[finder[found]]
        order = np.argsort(place)
        right = gt_weight[:, found[order]]
        # Copies of one video are a run of true positives: the precision at its end is the best.
        precision = np.cumsum(right, axis=1) / np.maximum(det_count[:, place[order]], 1)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        area += (right * envelope).sum(axis=1)
    count = gt_weight.sum(axis=1)
    return np.divide(area, len(found_by) * count, out=np.full(len(area), np.nan), where=count > 0)


def interval(values: np.ndarray, level: float = 0.95) -> list:
    """Percentile interval [low, high] of bootstrap values (B,).

    Example:
        >>> interval(np.arange(101), level=0.5)
        [25.0, 75.0]
    """
    tail = (1 - level) / 2
    return [float(x) for x in np.quantile(values, [tail, 1 - tail])]
