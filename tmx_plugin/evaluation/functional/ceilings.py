# SPDX-License-Identifier: Apache-2.0
"""What perfect labels, boundaries or scores would give, and which labels are mistaken for which.

Naming convention: D detections, G ground truths (cleaned, in the table's order).
"""

from collections.abc import Sequence

import numpy as np

from .average_precision import average_precision
from .error_analysis import MIN_TIOU
from .overlaps import Overlaps
from .segment_table import SegmentTable


def perfect_labels(gt: SegmentTable, det: SegmentTable, overlaps: Overlaps) -> SegmentTable:
    """The detections with the label of the ground truth that each overlaps most.

    Those whose highest tIoU is below ``MIN_TIOU`` keep their own.

    Args:
        gt, det (SegmentTable): Ground truth and detections.
        overlaps (Overlaps): From :func:`best_overlaps`.

    Returns:
        SegmentTable: Detections with other labels.

    Example:
        >>> from tmx_plugin.evaluation.functional.overlaps import best_overlaps
        >>> gt = SegmentTable([0], [[0, 10]], [1])
        >>> det = SegmentTable([0, 0], [[0, 9], [50, 60]], [2, 2], [.9, .8])
        >>> perfect_labels(gt, det, best_overlaps(gt, det)).labels
        array([1, 2])
    """
    meant = np.maximum(overlaps.same, overlaps.other) >= MIN_TIOU
    labels = det.labels.copy()
    labels[meant] = gt.labels[overlaps.best_row[meant]]
    return SegmentTable(det.videos, det.segments, labels, det.scores)


def perfect_boundaries(gt: SegmentTable, det: SegmentTable, overlaps: Overlaps) -> SegmentTable:
    """The detections with the boundaries of the ground truth of their label each overlaps most.

    Those whose highest tIoU with such a one is below ``MIN_TIOU`` keep their own.

    Args, returns: As for :func:`perfect_labels`.

    Example:
        >>> from tmx_plugin.evaluation.functional.overlaps import best_overlaps
        >>> gt = SegmentTable([0], [[0, 10]], [1])
        >>> det = SegmentTable([0, 0], [[0, 9], [50, 60]], [1, 1], [.9, .8])
        >>> perfect_boundaries(gt, det, best_overlaps(gt, det)).segments
        array([[ 0., 10.],
               [50., 60.]])
    """
    meant = overlaps.same >= MIN_TIOU
    segments = det.segments.copy()
    segments[meant] = gt.segments[overlaps.same_row[meant]]
    return SegmentTable(det.videos, segments, det.labels, det.scores)


def ceilings(
    gt: SegmentTable,
    det: SegmentTable,
    overlaps: Overlaps,
    found_by: np.ndarray,
    tious: Sequence[float] | np.ndarray,
) -> dict:
    """Average mAP with one part of the detections made perfect.

    With perfect scores every true positive of the matching comes before all false positives, so
    that the average precision of a class is the share of its ground truth that is found.

    Args:
        gt, det (SegmentTable): Cleaned ground truth, and detections.
        overlaps (Overlaps): From :func:`best_overlaps`.
        found_by (ndarray): (T, G) int64, -1 where a ground truth is not found.
        tious (Sequence[float]): T thresholds.

    Returns:
        dict: ``labels``, ``boundaries`` and ``scores``, each (T,) mAP in [0, 1].

    Example:
        >>> from tmx_plugin.evaluation.functional.overlaps import best_overlaps
        >>> gt = SegmentTable([0, 0], [[0, 10], [20, 30]], [1, 1])
        >>> det = SegmentTable([0, 0], [[50, 60], [0, 10]], [1, 1], [.9, .8])
        >>> ceilings(gt, det, best_overlaps(gt, det), np.array([[1, -1]]), [.5])['scores']
        array([0.5])
    """
    recall = np.stack(
        [(found_by[:, gt.labels == label] >= 0).mean(axis=1) for label in np.unique(gt.labels)]
    )
    return dict(
        labels=average_precision(gt, perfect_labels(gt, det, overlaps), tious)[1].mean(axis=0),
        boundaries=average_precision(gt, perfect_boundaries(gt, det, overlaps), tious)[1].mean(
            axis=0
        ),
        scores=recall.mean(axis=0),
    )


def confusion_matrix(
    gt: SegmentTable,
    det: SegmentTable,
    overlaps: Overlaps,
    true_positive: np.ndarray,
    tiou: float,
    num_classes: int,
    selected: np.ndarray | None = None,
) -> np.ndarray:
    """Well-placed detections by true and predicted label.

    A detection counts at the label of the ground truth it found, or else, if it reaches ``tiou``
    with ground truth of other labels only, at the label of the one it overlaps most.

    Args:
        gt, det (SegmentTable): Cleaned ground truth, and detections.
        overlaps (Overlaps): From :func:`best_overlaps`.
        true_positive (ndarray): (D,) bool at ``tiou``.
        tiou (float): The threshold.
        num_classes (int): K; labels are 0 to K - 1.
        selected (ndarray | None): (D,) bool, the detections that count; None for all.

    Returns:
        ndarray: (K, K) int64, rows are true labels, columns predicted ones.

    Example:
        >>> from tmx_plugin.evaluation.functional.overlaps import best_overlaps
        >>> gt = SegmentTable([0, 0], [[0, 10], [20, 30]], [0, 0])
        >>> det = SegmentTable([0, 0], [[0, 10], [20, 30]], [0, 1], [.9, .8])
        >>> found = np.array([True, False])
        >>> confusion_matrix(gt, det, best_overlaps(gt, det), found, 0.5, num_classes=2)
        array([[1, 1],
               [0, 0]])
    """
    wrong = ~true_positive & (overlaps.other >= tiou) & (overlaps.same < tiou)
    if selected is not None:
        wrong, true_positive = wrong & selected, true_positive & selected
    matrix = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(matrix, (gt.labels[overlaps.other_row[wrong]], det.labels[wrong]), 1)
    np.add.at(matrix, (det.labels[true_positive], det.labels[true_positive]), 1)
    return matrix
