# SPDX-License-Identifier: Apache-2.0
"""Kinds of errors by hand and against plain loops; consistency with average precision."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmx_plugin.evaluation.functional import SegmentTable, average_precision, clean_ground_truth
from tmx_plugin.evaluation.functional.error_analysis import (
    KINDS,
    classify,
    false_positive_profile,
    match_detections,
    removal_gain,
)
from tmx_plugin.evaluation.functional.overlaps import best_overlaps

GT = SegmentTable(videos=[0, 0, 1], segments=[[0, 10], [20, 30], [0, 10]], labels=[0, 1, 0])
#          true positive, double, wrong label, localization, confusion, background (x 3)
CASES = SegmentTable(
    videos=[0, 0, 0, 0, 0, 0, 1, 2],
    segments=[[0, 10], [1, 10], [21, 30], [6, 15], [4, 29], [12, 18], [40, 50], [0, 10]],
    labels=[0, 0, 0, 0, 1, 1, 0, 1],
    scores=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2],
)


def kinds_of(gt, det, tiou, rule='own label'):
    matches = match_detections(gt, det, [tiou])
    overlaps = best_overlaps(gt, det)
    return classify(matches.true_positive[0], *overlaps[:2], tiou, rule), matches


def test_kinds_by_hand():
    kinds, matches = kinds_of(GT, CASES, 0.5)
    assert [KINDS[kind] for kind in kinds] == [
        'true positive',
        'double detection',
        'wrong label',
        'localization',
        'localization',
        'background',
        'background',
        'background',
    ]
    assert matches.found_by.tolist() == [[0, -1, -1]]
    assert matches.rank.tolist() == [0, 1, 2, 3, 0, 1, 4, 2]
    # [4, 29] of label 1 covers 6 of 29 s of the other label's [0, 10] and 9 of 26 of its own.
    same, other = best_overlaps(GT, CASES)[:2]
    assert same[4] == pytest.approx(9 / 26) and other[4] == pytest.approx(6 / 29)
    one = CASES.rows([4])
    other_label = SegmentTable([0], [[20, 30]], [0])
    assert [KINDS[kind] for kind in kinds_of(other_label, one, 0.5)[0]] == ['confusion']


def test_detad_judges_by_the_ground_truth_that_is_overlapped_most():
    gt = SegmentTable([0, 0], [[0, 10], [2, 14]], [0, 1])
    # Both overlap [0, 10] of their label and [2, 14] of the other: by .6 and .67, by .17 and .5.
    det = SegmentTable([0, 0, 0], [[0, 10], [2, 12], [8, 14]], [0, 0, 0], [0.9, 0.8, 0.7])
    names = {
        rule: [KINDS[kind] for kind in kinds_of(gt, det, 0.5, rule)[0]]
        for rule in ('detad', 'own label')
    }
    assert names['detad'] == ['true positive', 'wrong label', 'wrong label']
    assert names['own label'] == ['true positive', 'double detection', 'wrong label']
    poor = {rule: KINDS[kinds_of(gt, det.rows([2]), 0.6, rule)[0][0]] for rule in names}
    assert poor == {'detad': 'confusion', 'own label': 'localization'}
    with pytest.raises(ValueError, match='rules'):
        kinds_of(gt, det, 0.5, 'other')


def slow_detad_kind(gt, det, row, hit, tiou):
    """The paper's rule in plain words; ties of overlap go to the own label."""
    overlap, own = 0.0, False
    start, end = det.segments[row]
    for video, (low, high), label in zip(gt.videos, gt.segments, gt.labels):
        if video == det.videos[row]:
            inter = max(min(end, high) - max(start, low), 0)
            overlap, own = max(
                (overlap, own),
                (inter / (high - low + end - start - inter), bool(label == det.labels[row])),
            )
    if hit:
        return 'true positive'
    if overlap >= tiou:
        return 'double detection' if own else 'wrong label'
    if overlap >= 0.1:
        return 'localization' if own else 'confusion'
    return 'background'


def slow_kind(gt, det, row, hit, tiou):
    best = {True: 0.0, False: 0.0}
    start, end = det.segments[row]
    for video, (low, high), label in zip(gt.videos, gt.segments, gt.labels):
        if video == det.videos[row]:
            inter = max(min(end, high) - max(start, low), 0)
            own = bool(label == det.labels[row])
            best[own] = max(best[own], inter / (high - low + end - start - inter))
    if hit:
        return 'true positive'
    for limit, names in (
        (tiou, ('double detection', 'wrong label')),
        (0.1, ('localization', 'confusion')),
    ):
        for own, name in zip((True, False), names):
            if best[own] >= limit:
                return name
    return 'background'


def ap_of_hits(hits, num_gt):
    """Area under the monotone precision-recall curve, in a plain loop."""
    found, area, precision = np.cumsum(hits), 0.0, 0.0
    for i in reversed(range(len(hits))):
        precision = max(precision, found[i] / (i + 1))
        area += precision * hits[i] / num_gt
    return area


@st.composite
def tables(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))

    def table(count, scores):
        start = rng.integers(0, 20, count) / 2
        segments = np.stack([start, start + rng.integers(1, 12, count) / 2], axis=1)
        return SegmentTable(
            rng.integers(0, 3, count),
            segments,
            rng.integers(0, 3, count),
            rng.integers(0, 30, count) / 30 if scores else None,
        )

    gt = clean_ground_truth(table(draw(st.integers(1, 12)), False))
    det = table(draw(st.integers(0, 40)), True)
    return gt, det.rows(np.isin(det.labels, gt.labels)), draw(st.sampled_from([0.3, 0.5, 0.75]))


@settings(max_examples=60, deadline=None)
@given(tables())
def test_agrees_with_loops_and_with_average_precision(case):
    gt, det, tiou = case
    kinds, matches = kinds_of(gt, det, tiou)
    hits = matches.true_positive[0]
    assert [KINDS[kind] for kind in kinds] == [
        slow_kind(gt, det, row, hits[row], tiou) for row in range(len(det))
    ]
    assert [KINDS[kind] for kind in kinds_of(gt, det, tiou, 'detad')[0]] == [
        slow_detad_kind(gt, det, row, hits[row], tiou) for row in range(len(det))
    ]
    assert set(matches.found_by[0]) - {-1} == set(np.flatnonzero(hits))
    found = matches.found_by[0] >= 0
    assert (det.labels[matches.found_by[0][found]] == gt.labels[found]).all()
    assert (det.videos[matches.found_by[0][found]] == gt.videos[found]).all()
    classes, ap = average_precision(gt, det, [tiou])
    for label, value in zip(classes, ap[:, 0]):
        rows = np.flatnonzero(det.labels == label)
        order = rows[np.argsort(matches.rank[rows])]
        assert ap_of_hits(hits[order], (gt.labels == label).sum()) == pytest.approx(value)


def test_removing_errors_raises_map():
    tious = [0.5, 0.75]
    matches = match_detections(GT, CASES, tious)
    kinds = np.stack(
        [
            classify(row, *best_overlaps(GT, CASES)[:2], tiou)
            for row, tiou in zip(matches.true_positive, tious)
        ]
    )
    late = SegmentTable([0, 0], [[50, 60], [0, 10]], [0, 0], [0.9, 0.8])  # background comes first
    only = SegmentTable([0], [[0, 10]], [0])
    gains = removal_gain(only, late, np.array([[5, 0]]), [0.5], 0.5)
    assert gains == dict.fromkeys(KINDS[1:5], 0.0) | {'background': 0.5}
    ap = average_precision(GT, CASES, tious)[1].mean()
    assert all(gain >= 0 for gain in removal_gain(GT, CASES, kinds, tious, ap).values())


def test_profile_by_hand():
    counts = false_positive_profile(
        kinds=np.array([0, 5, 3, 0, 2]),
        rank=np.array([0, 1, 2, 0, 7]),
        num_gt=np.array([2, 2, 2, 1, 1]),
        num_bins=3,
    )
    assert counts.tolist() == [[2, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0], [0] * 6]


def test_no_detections():
    empty = SegmentTable([], np.zeros((0, 2)), [], [])
    kinds, matches = kinds_of(GT, empty, 0.5)
    assert len(kinds) == 0 and matches.found_by.tolist() == [[-1, -1, -1]]
