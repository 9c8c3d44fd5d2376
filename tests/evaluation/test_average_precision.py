# SPDX-License-Identifier: Apache-2.0
"""Average precision and recall against numbers of the reference, and a plain-loop version."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmx_plugin.evaluation.functional import (
    SegmentTable,
    average_precision,
    matching,
    tables_from_activitynet,
    topk_recall,
)


# ---------------------------------------------------------------- the slow version, in plain loops
def tiou_of(a, b):
    inter = max(min(a[1], b[1]) - max(a[0], b[0]), 0.0)
    union = (a[1] - a[0]) + (b[1] - b[0]) - inter
    return inter / union if union > 0 else 0.0


def slow_clean(gt):
    kept = []
    for video, (start, end), label in zip(gt.videos, gt.segments, gt.labels):
        repeat = any(
            v == video and lab == label and abs(s - start) <= 1e-3 and abs(e - end) <= 1e-3
            for v, (s, e), lab in kept
        )
        if end > start and not repeat:
            kept.append((video, (start, end), label))
    return kept


def ranked(det, label):
    rows = np.flatnonzero(det.labels == label)
    return rows[np.argsort(det.scores[rows])[::-1]]


def slow_ap(gt, det, threshold):
    gt = slow_clean(gt)
    result = {}
    for label in sorted({lab for _, _, lab in gt}):
        mine = [(v, s) for v, s, lab in gt if lab == label]
        taken, hits = set(), []
        for row in ranked(det, label):
            options = [
                (tiou_of(s, det.segments[row]), i)
                for i, (v, s) in enumerate(mine)
                if v == det.videos[row] and i not in taken
            ]
            best = max(options, default=(0.0, None))
            hits.append(best[0] >= threshold)
            if hits[-1]:
                taken.add(best[1])
        tp = np.cumsum(hits) if hits else np.zeros(0)
        recall = np.concatenate([[0], tp / len(mine), [1]])
        precision = np.concatenate([[0], tp / np.arange(1, len(tp) + 1), [0]])
        for i in range(len(precision) - 2, -1, -1):
            precision[i] = max(precision[i], precision[i + 1])
        result[label] = sum(
            (recall[i] - recall[i - 1]) * precision[i] for i in range(1, len(recall))
        )
    return result


def slow_recall(gt, det, threshold, k):
    gt = slow_clean(gt)
    result = {}
    for label in sorted({lab for _, _, lab in gt}):
        found = total = 0
        for video in {v for v, _, lab in gt if lab == label}:
            mine = [s for v, s, lab in gt if lab == label and v == video]
            rows = [
                r
                for r in range(len(det.labels))
                if det.labels[r] == label and det.videos[r] == video
            ]
            # The order of ties is numpy's, within the class and video.
            best = [rows[i] for i in np.argsort(det.scores[rows])[::-1]][: k * len(mine)]
            total += len(mine)
            found += sum(any(tiou_of(s, det.segments[r]) >= threshold for r in best) for s in mine)
        result[label] = found / total
    return result


# ----------------------------------------------------------------------------------- random tables
@st.composite
def tables(draw):
    """Few videos, classes, times and scores, so that ties and repeats abound."""
    grid = draw(st.sampled_from([4, 12, 1000]))

    def rows(size, extra):
        column = st.lists(st.integers(0, 3 + extra), min_size=size, max_size=size)
        times = st.lists(
            st.tuples(st.integers(0, grid), st.integers(0, grid)), min_size=size, max_size=size
        )
        return draw(column), np.array(draw(times), float).reshape(-1, 2) / 3, draw(column)

    videos, segments, labels = rows(draw(st.integers(1, 25)), 0)
    gt = SegmentTable(videos, np.sort(segments), labels)
    videos, segments, labels = rows(draw(st.integers(0, 60)), 1)
    scores = draw(
        st.lists(
            st.integers(0, draw(st.sampled_from([1, 5, 10**6]))),
            min_size=len(labels),
            max_size=len(labels),
        )
    )
    if draw(st.booleans()):
        segments = np.sort(segments)  # else some detections end before they start
    return gt, SegmentTable(videos, segments, labels, np.array(scores) / 7)


def test_tied_scores_rank_within_class_and_video():
    """Of 40 tied detections of two videos, those count that numpy's order of a video's own 20 has.

    Ranked over both videos at once, others would come first.
    """
    videos = np.repeat([0, 1], 20)
    starts = np.tile(np.arange(20.0) * 10, 2)
    det = SegmentTable(
        videos, np.stack([starts, starts + 5], axis=1), np.zeros(40, int), np.full(40, 0.5)
    )
    first = np.argsort(np.full(20, 0.5))[::-1][0]
    gt = SegmentTable([0, 1], [[first * 10, first * 10 + 5]] * 2, [0, 0])
    assert topk_recall(gt, det, [0.5], [1])[1].tolist() == [[[1.0]]]


TIOUS = [0.1, 0.3, 0.5, 0.75, 1.0]
SOME_TIOUS = st.lists(st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 0.75, 1.0]), min_size=1, unique=True)


def check_against_slow(gt, det, tious=TIOUS):
    if not slow_clean(gt):
        with pytest.raises(ValueError, match='no ground truth'):
            average_precision(gt, det, tious)
        return
    classes, ap = average_precision(gt, det, tious)
    for i, threshold in enumerate(tious):
        expected = slow_ap(gt, det, threshold)
        assert classes.tolist() == list(expected)
        np.testing.assert_allclose(ap[:, i], list(expected.values()), atol=1e-12)
    classes, recall = topk_recall(gt, det, tious, [1, 3])
    for i, threshold in enumerate(tious):
        for j, k in enumerate([1, 3]):
            expected = slow_recall(gt, det, threshold, k)
            assert classes.tolist() == list(expected)
            np.testing.assert_allclose(recall[:, i, j], list(expected.values()), atol=1e-12)


@settings(max_examples=300, deadline=None)
@given(tables(), SOME_TIOUS)
def test_equals_plain_loops(gt_det, tious):
    check_against_slow(*gt_det, tious)


@settings(max_examples=60, deadline=None)
@given(tables(), SOME_TIOUS, st.integers(1, 7), st.integers(1, 9))
def test_blocks_do_not_change_the_result(gt_det, tious, block, max_pairs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, 'MAX_PAIRS', max_pairs)
        patch.setitem(average_precision.__globals__, 'BLOCK', block)
        check_against_slow(*gt_det, tious)


def test_realistic_scene_equals_plain_loops():
    rng = np.random.default_rng(0)
    start = rng.uniform(0, 1e4, 120)
    segments = np.stack([start, start + rng.exponential(3e3, 120)], axis=1)
    gt = SegmentTable(rng.integers(0, 6, 120), segments, rng.integers(0, 3, 120))
    source = rng.integers(0, 120, 1500)
    segments = gt.segments[source] + rng.normal(0, 600, (1500, 2))
    det = SegmentTable(
        gt.videos[source], np.sort(segments), gt.labels[source], rng.random(1500).round(2)
    )
    check_against_slow(gt, det)


def test_every_detection_wants_the_same_ground_truth():
    # A long chain of rejections: the worst case of the rounds.
    n = 300
    gt = SegmentTable(np.zeros(n), np.stack([np.arange(n), np.arange(n) + 1e4], 1), np.zeros(n))
    det = SegmentTable(np.zeros(n), np.tile([0.0, 1e4], (n, 1)), np.zeros(n), np.arange(n)[::-1])
    check_against_slow(gt, det)


# ------------------------------------------------------------------------------- reference numbers
@pytest.mark.parametrize('seed', range(3))
def test_golden(golden_dir, seed):
    with gzip.open(golden_dir / f'map_s{seed}.json.gz') as file:
        cases = json.load(file)['cases']
    assert len(cases) == 25
    for case in cases:
        gt, det, names = tables_from_activitynet(
            case['ground_truth'], case['predictions'], case['subset']
        )
        classes, ap = average_precision(gt, det, case['tious'])
        ours = {f'mAP@{t}': value for t, value in zip(case['tious'], ap.mean(axis=0))}
        ours['average_mAP'] = ap.mean()
        if 'top_k' in case:
            recall = topk_recall(gt, det, case['tious'], case['top_k'])[1].mean(axis=0)
            ours.update(
                {
                    f'recall@{t}@{k}': recall[i, j]
                    for i, t in enumerate(case['tious'])
                    for j, k in enumerate(case['top_k'])
                }
            )
        assert ours == pytest.approx(case['metric_dict'], abs=1e-9), case['tag']
        for name, expected in case.get('ap', {}).items():
            row = classes.tolist().index(names.index(name))
            np.testing.assert_allclose(ap[row], expected, atol=1e-9, err_msg=case['tag'])


def test_published_map_of_real_detections(shared_data):
    with open(shared_data / 'detections/autoloc_TH14.json') as file:
        record = json.load(file)
    videos = {}

    def table(by_class, with_scores):
        rows = np.array(
            [
                (videos.setdefault(video, len(videos)), int(label), *row)
                for label, by_video in by_class.items()
                for video, found in by_video.items()
                for row in found
            ]
        )
        return SegmentTable(
            rows[:, 0], rows[:, 2:4], rows[:, 1], rows[:, 4] if with_scores else None
        )

    _, ap = average_precision(
        table(record['gt'], False), table(record['det'], True), record['tious']
    )
    np.testing.assert_allclose(ap.mean(axis=0), record['map'], atol=1e-6)


def test_many_detections_use_little_memory():
    import tracemalloc

    rng = np.random.default_rng(0)
    start = rng.uniform(0, 100, 2000)
    gt = SegmentTable(
        rng.integers(0, 40, 2000), np.stack([start, start + 5], 1), rng.integers(0, 20, 2000)
    )
    start = rng.uniform(0, 100, 200_000)
    det = SegmentTable(
        rng.integers(0, 40, 200_000),
        np.stack([start, start + 6], 1),
        rng.integers(0, 20, 200_000),
        rng.random(200_000),
    )
    tracemalloc.start()
    average_precision(gt, det, np.linspace(0.1, 0.9, 9))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6, f'{peak / 1e6:.0f} MB'


@pytest.mark.parametrize('scale', [1.0, 1 / 3, 0.1, 12345.678])
@pytest.mark.parametrize('threshold', [0.25, 1 / 3, 0.5, 0.75, 1.0])
def test_search_range_misses_no_pair(scale, threshold):
    ends = np.stack(np.triu_indices(9, 1), axis=1) * scale + 0.1
    index = matching.GroundTruthIndex(
        np.repeat([0, 1], len(ends)), np.tile(ends, (2, 1)), np.zeros(2 * len(ends), int)
    )
    for group in (0, 1):
        first, last = index.ranges(np.full(len(ends), group), *ends.T, threshold)
        inside = (np.arange(len(index)) >= first[:, None]) & (np.arange(len(index)) < last[:, None])
        found = np.array(
            [
                [tiou_of(gt, det) >= threshold for gt in zip(index.starts, index.ends)]
                for det in ends
            ]
        ) & (index.group_of == group)
        assert found.any(axis=1).all() and inside[found].all()
