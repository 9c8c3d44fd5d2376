# SPDX-License-Identifier: Apache-2.0
"""Average precision and recall of a few segments, worked by hand."""

import numpy as np
import pytest

from tmx_plugin.evaluation.functional import (
    SegmentTable,
    average_precision,
    clean_ground_truth,
    tables_from_activitynet,
    topk_recall,
)


def test_worked_by_hand():
    gt = SegmentTable([0, 0, 1], [[0, 10], [20, 30], [0, 10]], [0, 0, 0])
    # hit, false (taken), false (video without ground truth), hit: precision 1, 1/2, 1/3, 2/4
    det = SegmentTable(
        [0, 0, 7, 1], [[0, 10], [0, 9], [0, 10], [0, 8]], [0] * 4, [0.9, 0.8, 0.7, 0.6]
    )
    classes, ap = average_precision(gt, det, [0.5])
    assert classes.tolist() == [0]
    assert ap[0, 0] == pytest.approx((1 + 2 / 4) / 3)
    assert topk_recall(gt, det, [0.5, 0.9], [1])[1].tolist() == [[[2 / 3], [1 / 3]]]


def test_a_ground_truth_taken_is_replaced_by_the_next_best():
    gt = SegmentTable([0, 0], [[0, 10], [2, 12]], [0, 0])
    det = SegmentTable([0, 0], [[0, 10], [0, 10.5]], [0, 0], [0.9, 0.8])
    assert average_precision(gt, det, [0.5])[1][0, 0] == 1
    assert average_precision(gt, det, [0.75])[1][0, 0] == 0.5


def test_equal_tiou_takes_the_later_ground_truth():
    det = SegmentTable([0, 0], [[2, 12], [0, 10]], [0, 0], [0.9, 0.8])
    for segments, expected in (([[0, 10], [4, 14]], 1.0), ([[4, 14], [0, 10]], 0.5)):
        gt = SegmentTable([0, 0], segments, [0, 0])
        assert average_precision(gt, det, [0.6])[1][0, 0] == expected


def test_no_detections_and_class_without_detections():
    gt = SegmentTable([0, 0], [[0, 1], [0, 1]], [3, 5])
    none = SegmentTable([], [], [], [])
    assert average_precision(gt, none, [0.5])[1].tolist() == [[0], [0]]
    assert topk_recall(gt, none, [0.5], [1])[1].tolist() == [[[0]], [[0]]]
    det = SegmentTable([0, 0], [[0, 1], [0, 1]], [5, 4], [0.1, 0.9])
    classes, ap = average_precision(gt, det, [0.5])
    assert classes.tolist() == [3, 5] and ap.tolist() == [[0], [1]]


def test_huge_times_and_ids():
    gt = SegmentTable([10**15, -4], [[1e9, 1e9 + 5], [-3e9, -2e9]], [10**12, 7])
    det = SegmentTable(gt.videos, gt.segments, gt.labels, [0.1, 0.2])
    assert average_precision(gt, det, [0.5, 1.0])[1].tolist() == [[1, 1], [1, 1]]


def test_repeats_are_compared_with_kept_rows_only():
    # The third is a repeat of the second, which is itself dropped: so the third stays.
    gt = SegmentTable([0] * 5, [[0, 1], [0.0008, 1], [0.0016, 1], [2, 2], [4, 3]], [0] * 5)
    assert clean_ground_truth(gt).segments.tolist() == [[0, 1], [0.0016, 1]]


def test_repeats_may_be_kept():
    gt = SegmentTable([0, 0, 0], [[0, 1], [0, 1], [2, 2]], [0] * 3)
    det = SegmentTable([0], [[0, 1]], [0], [0.9])
    assert len(clean_ground_truth(gt, keep_repeats=True)) == 2
    assert average_precision(gt, det, [0.5])[1].tolist() == [[1.0]]
    assert average_precision(gt, det, [0.5], keep_repeats=True)[1].tolist() == [[0.5]]
    assert topk_recall(gt, det, [0.5], [1], keep_repeats=True)[1].tolist() == [[[1.0]]]


def test_errors_say_what_is_wrong():
    gt = SegmentTable([0], [[0, 1]], [0])
    det = SegmentTable([0], [[0, 1]], [0], [1.0])
    with pytest.raises(ValueError, match=r'thresholds must be in \(0, 1\], got \[0\.0\]'):
        average_precision(gt, det, [0])
    with pytest.raises(ValueError, match='no scores'):
        average_precision(gt, gt, [0.5])
    with pytest.raises(ValueError, match='top_k must be positive'):
        topk_recall(gt, det, [0.5], [0])
    with pytest.raises(ValueError, match='different lengths'):
        SegmentTable([0, 1], [[0, 1]], [0])
    with pytest.raises(ValueError, match='scores: 1 of 2 rows are not finite, first row 1 of'):
        SegmentTable([0, 0], [[0, 1]] * 2, [0, 0], [1.0, np.nan])
    database = {'database': {'v': {'subset': 'train', 'annotations': []}}}
    with pytest.raises(ValueError, match=r"subset 'test'.*the file has the subsets \['train'\]"):
        tables_from_activitynet(database, {'results': {}}, 'test')
