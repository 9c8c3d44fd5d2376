# SPDX-License-Identifier: Apache-2.0
"""Which ground truth each detection overlaps most.

Naming convention: D detections, G ground truths (cleaned, in the table's order).
"""

from typing import NamedTuple

import numpy as np

from .segment_table import SegmentTable


class Overlaps(NamedTuple):
    """The best overlaps of each detection within its video.

    Attributes:
        same (ndarray): (D,) float64, highest tIoU with a ground truth of its own label, 0 where
            there is none.
        other (ndarray): (D,) the same with ground truth of all other labels.
        same_row (ndarray): (D,) int64 row of that ground truth, -1 where the tIoU is 0.
        other_row (ndarray): (D,) the same for the other labels.
    """

    same: np.ndarray
    other: np.ndarray
    same_row: np.ndarray
    other_row: np.ndarray

    @property
    def best_row(self) -> np.ndarray:
        """(D,) row of the ground truth of highest tIoU, whatever its label; own label at ties."""
        return np.where(self.same >= self.other, self.same_row, self.other_row)


def pairwise_tiou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Temporal IoU of each of (M, 2) segments with each of (N, 2), float64 (M, N).

    Example:
        >>> pairwise_tiou([[0., 10.]], [[0., 5.], [20., 30.]])
        array([[0.5, 0. ]])
    """
    start, end = np.asarray(first, np.float64).reshape(-1, 2).T[..., None]
    other_start, other_end = np.asarray(second, np.float64).reshape(-1, 2).T
    inter = np.maximum(np.minimum(end, other_end) - np.maximum(start, other_start), 0)
    # In this order the sums round as in the ActivityNet evaluation.
    union = (other_end - other_start) + (end - start) - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=inter > 0)


def rows_by_video(table: SegmentTable) -> dict:
    """Rows of each video in the table's order, ``{video: (n,) int64}``.

    Example:
        >>> rows_by_video(SegmentTable([1, 0, 1], [[0, 1], [0, 1], [2, 3]], [0, 0, 0]))
        {0: array([1]), 1: array([0, 2])}
    """
    order = np.argsort(table.videos, kind='stable')
    videos, first = np.unique(table.videos[order], return_index=True)
    return dict(zip(videos.tolist(), np.split(order, first[1:])))


def best_overlaps(gt: SegmentTable, det: SegmentTable) -> Overlaps:
    """Highest tIoU of each detection with ground truth of its own and of another label.

    Args:
        gt, det (SegmentTable): Ground truth and detections.

    Returns:
        Overlaps: See there. Of equal tIoUs the first row of the table counts.

    Example:
        >>> gt = SegmentTable([0, 0], [[0, 10], [20, 30]], [1, 2])
        >>> best_overlaps(gt, SegmentTable([0], [[0, 5]], [1], [.9])).same
        array([0.5])
    """
    best = np.zeros((2, len(det)))
    row_of = np.full((2, len(det)), -1)
    truth = rows_by_video(gt)
    for video, rows in rows_by_video(det).items():
        if video not in truth:
            continue
        gt_rows = truth[video]
        tiou = pairwise_tiou(det.segments[rows], gt.segments[gt_rows])
        same = det.labels[rows][:, None] == gt.labels[gt_rows]
        for part, row, mask in zip(best, row_of, (same, ~same)):
            masked = np.where(mask, tiou, 0)
            column = masked.argmax(axis=1)
            part[rows] = masked[np.arange(len(rows)), column]
            row[rows] = np.where(part[rows] > 0, gt_rows[column], -1)
    return Overlaps(*best, *row_of)
