# SPDX-License-Identifier: Apache-2.0
"""Overlaps, characteristics, ceilings, curves and bootstrap by hand and against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmx_plugin.evaluation.functional import SegmentTable, average_precision, clean_ground_truth
from tmx_plugin.evaluation.functional.bootstrap import draw_videos, interval, resampled_map
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
from tmx_plugin.evaluation.functional.score_curves import (
    calibration,
    proposal_recall,
    score_curve,
)

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


def test_score_curve_by_hand():
    curve = score_curve([0.9, 0.7, 0.7, 0.1], [True, False, True, True], 4)
    np.testing.assert_allclose(curve.threshold, [0.8, 0.4, 0.05])
    np.testing.assert_allclose(curve.precision, [1, 2 / 3, 3 / 4])
    np.testing.assert_allclose(curve.recall, [1 / 4, 1 / 2, 3 / 4])
    np.testing.assert_allclose(curve.f1, [2 / 5, 4 / 7, 6 / 8])
    assert curve.best() == pytest.approx(dict(threshold=0.05, precision=0.75, recall=0.75, f1=0.75))
    assert curve.thin(2).threshold.tolist() == pytest.approx([0.8, 0.05])
    assert score_curve([0.9], [False], 1).best() is None
    assert score_curve([], [], 1).best() is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_threshold_gives_what_the_curve_says(seed):
    gt, det = random_case(seed)
    for label in np.unique(gt.labels):
        num_gt = (gt.labels == label).sum()
        rows = det.labels == label
        hits = match_detections(gt, det, [0.3]).true_positive[0]
        best = score_curve(det.scores[rows], hits[rows], num_gt).best()
        if best is None:
            continue
        kept = det.rows(rows & (det.scores >= best['threshold']))
        again = match_detections(gt, kept, [0.3]).true_positive[0]
        assert again.mean() == pytest.approx(best['precision'])
        assert again.sum() / num_gt == pytest.approx(best['recall'])


def test_calibration_by_hand():
    found = calibration([0.1, 0.15, 0.95, 1.0], [False, True, True, True])
    assert found['count'].tolist() == [0, 2, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found['precision'][[1, 9]].tolist() == [0.5, 1.0]
    np.testing.assert_allclose(found['score'][[1, 9]], [0.125, 0.975])
    assert found['error'] == pytest.approx(0.5 * 0.375 + 0.5 * 0.025)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_proposal_recall_agrees_with_loops(seed):
    gt, det = random_case(seed)
    expected = []
    for count in (1, 3, 100):
        found = 0
        for video, segment in zip(gt.videos, gt.segments):
            rows = np.flatnonzero(det.videos == video)
            rows = rows[np.argsort(-det.scores[rows])][:count]
            found += any(tiou(det.segments[row], segment) >= 0.5 for row in rows)
        expected.append(found / len(gt))
    np.testing.assert_allclose(proposal_recall(gt, det, [0.5], [1, 3, 100])[0], expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_resampling_is_evaluating_copies_of_the_videos(seed):
    gt, det = random_case(seed)
    tious = [0.3, 0.6]
    matches = match_detections(gt, det, tious)
    weights = np.concatenate([np.ones((1, 3), int), draw_videos(3, 4, seed)])
    values = resampled_map(gt, det, matches.found_by, matches.rank, weights)
    for row, value in zip(weights, values):

        def copies(table, row=row):
            parts = [(i, video) for video in range(3) for i in range(row[video])]
            rows = [np.flatnonzero(table.videos == video) for _, video in parts]
            index = np.concatenate(rows).astype(int)
            names = np.repeat(np.arange(len(parts)), [len(r) for r in rows])
            return SegmentTable(
                names,
                table.segments[index],
                table.labels[index],
                None if table.scores is None else table.scores[index],
            )

        drawn = copies(gt)
        if not len(drawn):
            assert np.isnan(value)
            continue
        assert value == pytest.approx(average_precision(drawn, copies(det), tious)[1].mean())


def test_draws_and_interval():
    weights = draw_videos(5, 100, 1)
    assert weights.shape == (100, 5) and (weights.sum(axis=1) == 5).all()
    assert (weights == draw_videos(5, 100, 1)).all()
    assert interval(np.arange(101.0)) == pytest.approx([2.5, 97.5])
