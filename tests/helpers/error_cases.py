# SPDX-License-Identifier: Apache-2.0
"""Detections by hand and at random, and plain loops to compare with."""

import numpy as np

from tmx_plugin.evaluation.functional import SegmentTable, clean_ground_truth

GT = SegmentTable(videos=[0, 0, 1], segments=[[0, 10], [20, 30], [0, 10]], labels=[0, 1, 0])


DET = SegmentTable(  # found, wrong label, poor boundaries, background, found, another video
    videos=[0, 0, 0, 0, 0, 2],
    labels=[0, 0, 0, 0, 1, 1],
    scores=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
    segments=[[0, 10], [21, 30], [6, 15], [40, 50], [20, 29], [0, 10]],
)


def random_case(seed, num_gt=12, num_det=40, videos=3, labels=3):
    rng = np.random.default_rng(seed)

    def table(count, scores=None):
        start = rng.integers(0, 20, count) / 2
        segments = np.stack([start, start + rng.integers(1, 12, count) / 2], axis=1)
        return SegmentTable(
            rng.integers(0, videos, count), segments, rng.integers(0, labels, count), scores
        )

    gt = clean_ground_truth(table(num_gt))
    det = table(num_det, rng.permutation(num_det) / num_det)
    return gt, det.rows(np.isin(det.labels, gt.labels))


def tiou(first, second):
    inter = max(min(first[1], second[1]) - max(first[0], second[0]), 0)
    return inter / (second[1] - second[0] + (first[1] - first[0]) - inter)


def slow_hits(gt, det, threshold):
    """(row, ground truth found or None) of each detection by class and score, the greedy way."""
    result = {}
    for label in np.unique(gt.labels):
        taken = set()
        rows = np.flatnonzero(det.labels == label)
        result[label] = []
        for row in rows[np.argsort(-det.scores[rows])]:
            best = [
                (tiou(det.segments[row], gt.segments[g]), g)
                for g in range(len(gt))
                if gt.labels[g] == label and gt.videos[g] == det.videos[row] and g not in taken
            ]
            best = max(best, default=(0, None))
            found = best[1] if best[0] >= threshold else None
            taken.add(found)
            result[label].append((row, found))
    return result


def slow_normalized_ap(hits, num_gt, mean_count):
    """Area under recall and normalised precision of a list of hits, point by point."""
    points, right = [], 0
    for number, hit in enumerate(hits, 1):
        right += hit
        scaled = right / num_gt * mean_count
        points.append((scaled / (scaled + number - right) if right else 0.0, hit))
    area, best = 0.0, 0.0
    for precision, hit in reversed(points):
        best = max(best, precision)
        area += best * hit / num_gt
    return area
