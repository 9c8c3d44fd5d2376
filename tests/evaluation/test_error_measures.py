# SPDX-License-Identifier: Apache-2.0
"""Overlaps, characteristics and ceilings by hand and against plain loops."""

import numpy as np
import pytest
from error_cases import DET, GT, random_case, slow_hits, slow_normalized_ap, tiou
from hypothesis import given, settings
from hypothesis import strategies as st

from tmx_plugin.evaluation.functional import SegmentTable, average_precision
from tmx_plugin.evaluation.functional.ceilings import (
    ceilings,
    confusion_matrix,
    perfect_boundaries,
    perfect_labels,
)
from tmx_plugin.evaluation.functional.characteristics import (
    characteristics,
    choose_buckets,
    false_negatives,
    normalized_ap,
    sensitivity,
    standings,
)
from tmx_plugin.evaluation.functional.error_analysis import match_detections
from tmx_plugin.evaluation.functional.overlaps import best_overlaps


def test_overlaps_by_hand():
    overlaps = best_overlaps(GT, DET)
    np.testing.assert_allclose(overlaps.same, [1, 0, 4 / 15, 0, 0.9, 0])
    np.testing.assert_allclose(overlaps.other, [0, 0.9, 0, 0, 0, 0])
    assert overlaps.same_row.tolist() == [0, -1, 0, -1, 1, -1]
    assert overlaps.best_row.tolist() == [0, 1, 0, -1, 1, -1]


def test_buckets_by_hand():
    gt = SegmentTable([0, 0, 1], [[0, 3], [5, 11.5], [0, 30]], [0, 0, 0])
    groups = characteristics(gt, [100.0, np.nan], 'thumos14')
    assert groups['length'].names == [
        'up to 3 s',
        '3 to 6 s',
        '6 to 12 s',
        '12 to 18 s',
        'over 18 s',
    ]
    assert groups['length'].bucket.tolist() == [0, 2, 4]
    assert groups['coverage'].bucket.tolist() == [1, 3, -1]  # .03, .065, not known
    assert groups['instances'].bucket.tolist() == [1, 1, 0]
    assert choose_buckets(gt) == 'thumos14'
    assert choose_buckets(SegmentTable([0], [[0, 40]], [0])) == 'activitynet'


def test_normalized_ap_by_hand():
    # Class 0: 2 ground truths, found first; class 1: 1, found first. The mean count is 1.5.
    matches = match_detections(GT, DET, [0.5])
    standing = standings(GT, matches.found_by, matches.rank)
    assert standing.wrong.tolist() == [[0, 0, np.inf]]
    assert standing.right.tolist() == [[1, 1, 2]]
    np.testing.assert_allclose(normalized_ap(GT, standing), [[0.5], [1.0]])
    late = SegmentTable([1, 0], [[50, 60], [0, 10]], [0, 0], [0.9, 0.8])
    matches = match_detections(GT, late, [0.5])
    standing = standings(GT, matches.found_by, matches.rank)
    # Recall 1/2 of N = 1.5 and one false positive: .75 / 1.75, over half of the recall.
    np.testing.assert_allclose(normalized_ap(GT, standing), [[0.75 / 1.75 / 2], [0.0]])
    np.testing.assert_allclose(
        normalized_ap(GT, standing, np.array([True, False, False])), [[1.5 / 2.5], [np.nan]]
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_sensitivity_and_false_negatives_agree_with_loops(seed):
    gt, det = random_case(seed)
    tious = [0.3, 0.6]
    matches = match_detections(gt, det, tious)
    groups = characteristics(gt, np.full(3, 20.0), 'thumos14')
    standing = standings(gt, matches.found_by, matches.rank)
    found = sensitivity(gt, standing, groups)
    missed = false_negatives(gt, standing, groups)
    mean_count = len(gt) / len(np.unique(gt.labels))
    for name, group in groups.items():
        for number, (scores, shares) in enumerate(zip(found[name], missed[name])):
            part = set(np.flatnonzero(group.bucket == number))
            assert scores['count'] == shares['count'] == len(part)
            if not part:
                assert scores['normalized_mAP'] is None and shares['missed'] is None
                continue
            means, misses = [], []
            for threshold in tious:
                aps = []
                for label, hits in slow_hits(gt, det, threshold).items():
                    num_gt = sum(gt.labels[g] == label for g in part)
                    if num_gt:
                        kept = [g is not None for _, g in hits if g is None or g in part]
                        aps.append(slow_normalized_ap(kept, num_gt, mean_count))
                    right, good = 0, set()
                    for place, (_, g) in enumerate(hits, 1):
                        right += g is not None
                        scaled = right / (gt.labels == label).sum() * mean_count
                        if g in part and scaled / (scaled + place - right) > 0.05:
                            good.add(g)
                    misses += [g not in good for g in part if gt.labels[g] == label]
                means.append(np.mean(aps))
            assert scores['normalized_mAP'] == pytest.approx(np.mean(means))
            assert shares['missed'] == pytest.approx(np.mean(misses))
    all_aps = [
        [
            slow_normalized_ap(
                [g is not None for _, g in hits], (gt.labels == label).sum(), mean_count
            )
            for label, hits in slow_hits(gt, det, t).items()
        ]
        for t in tious
    ]
    assert found['normalized_mAP'] == pytest.approx(np.mean(all_aps))


def test_late_finds_count_as_missed():
    det = SegmentTable([1] * 40 + [0], [[50, 60]] * 40 + [[0, 10]], [0] * 41, np.linspace(1, 0, 41))
    gt = GT.rows([0])
    matches = match_detections(gt, det, [0.5])
    standing = standings(gt, matches.found_by, matches.rank)
    shares = false_negatives(gt, standing, {})['all']
    assert shares == dict(count=1, missed=1.0, never_found=0.0)  # precision 1 / 41


def test_ceilings_by_hand():
    overlaps = best_overlaps(GT, DET)
    assert perfect_labels(GT, DET, overlaps).labels.tolist() == [0, 1, 0, 0, 1, 1]
    assert perfect_boundaries(GT, DET, overlaps).segments.tolist() == [
        [0, 10],
        [21, 30],
        [0, 10],
        [40, 50],
        [20, 30],
        [0, 10],
    ]
    matches = match_detections(GT, DET, [0.5, 0.95])
    found = ceilings(GT, DET, overlaps, matches.found_by, [0.5, 0.95])
    # Class 0: one of two found. Class 1: [20, 29] found at .5; with its label [21, 30] comes first.
    np.testing.assert_allclose(found['scores'], [0.75, 0.25])
    np.testing.assert_allclose(found['labels'], [0.75, 0.25])
    np.testing.assert_allclose(found['boundaries'], [0.75, 0.75])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_perfect_scores_are_no_less_than_average_precision(seed):
    gt, det = random_case(seed)
    matches = match_detections(gt, det, [0.5])
    found = ceilings(gt, det, best_overlaps(gt, det), matches.found_by, [0.5])
    share = [
        np.mean([g in {h for _, h in hits} for g in np.flatnonzero(gt.labels == label)])
        for label, hits in slow_hits(gt, det, 0.5).items()
    ]
    assert found['scores'][0] == pytest.approx(np.mean(share))
    assert found['scores'][0] >= average_precision(gt, det, [0.5])[1].mean() - 1e-12


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_ceilings_agree_with_loops(seed):
    gt, det = random_case(seed)
    labels, segments = det.labels.copy(), det.segments.copy()
    for row in range(len(det)):
        near = [
            (tiou(det.segments[row], gt.segments[g]), bool(gt.labels[g] == det.labels[row]), -g)
            for g in range(len(gt))
            if gt.videos[g] == det.videos[row]
        ]
        overlap, _, number = max(near, default=(0, False, 0))
        if overlap >= 0.1:
            labels[row] = gt.labels[-number]
        overlap, _, number = max([each for each in near if each[1]], default=(0, False, 0))
        if overlap >= 0.1:
            segments[row] = gt.segments[-number]
    tious = [0.3, 0.6]
    changed = dict(
        labels=SegmentTable(det.videos, det.segments, labels, det.scores),
        boundaries=SegmentTable(det.videos, segments, det.labels, det.scores),
    )
    found = ceilings(
        gt, det, best_overlaps(gt, det), match_detections(gt, det, tious).found_by, tious
    )
    for name, table in changed.items():
        np.testing.assert_allclose(found[name], average_precision(gt, table, tious)[1].mean(axis=0))


def test_confusion_by_hand():
    matches = match_detections(GT, DET, [0.5])
    overlaps = best_overlaps(GT, DET)
    assert confusion_matrix(GT, DET, overlaps, matches.true_positive[0], 0.5, 2).tolist() == [
        [1, 0],
        [1, 1],
    ]
    assert confusion_matrix(
        GT, DET, overlaps, matches.true_positive[0], 0.5, 2, DET.scores > 0.8
    ).tolist() == [[1, 0], [0, 0]]
