# SPDX-License-Identifier: Apache-2.0
"""Curves over scores, calibration, recall of proposals and bootstrap."""

import numpy as np
import pytest
from error_cases import random_case, tiou
from hypothesis import given, settings
from hypothesis import strategies as st

from tmx_plugin.evaluation.functional import SegmentTable, average_precision
from tmx_plugin.evaluation.functional.bootstrap import draw_videos, interval, resampled_map
from tmx_plugin.evaluation.functional.error_analysis import match_detections
from tmx_plugin.evaluation.functional.score_curves import (
    calibration,
    proposal_recall,
    score_curve,
)


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
