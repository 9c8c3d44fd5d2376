# SPDX-License-Identifier: Apache-2.0
"""NMS of all classes at once: worked cases, plain loops, and the reference's numbers."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from tmx_plugin.models.task_modules import soft_nms
from tmx_plugin.models.task_modules.soft_nms import METHODS, segment_nms, vote_segments

REFERENCE_METHODS = {0: 'soft_hard', 1: 'linear', 2: 'gaussian', 3: 'improved_gaussian'}
# No IoU of segments with small whole ends equals this one, so that rounding decides nothing.
THRESHOLD = 0.3717


def pair_iou(a, b):
    inter = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    return inter / ((a[1] - a[0] + 1e-6) + (b[1] - b[0] + 1e-6) - inter)


def pair_factor(kept, other, method, sigma=0.5, t1=0.2, t2=0.01):
    iou = pair_iou(kept, other)
    if method == 'gaussian':
        return math.exp(-(iou**2) / sigma)
    if method == 'improved_gaussian':
        return math.exp(-(iou**2) / sigma) if iou >= t1 + t2 * (kept[1] - kept[0]) else 1.0
    if iou < THRESHOLD:
        return 1.0
    return 1.0 - iou if method == 'linear' else 0.0


def plain_nms(segments, scores, labels, method, min_score, max_seg_num, sigma=0.5):
    """One class after the other, one candidate after the other; returns candidate numbers."""
    results = []
    for label in sorted(set(labels)):
        left = {i: scores[i] for i in range(len(scores)) if labels[i] == label}
        if method == 'hard':
            left = {i: s for i, s in left.items() if s > min_score}
        while left:
            best = max(left, key=lambda i: (left[i], -i))
            results.append((left.pop(best), best))
            left = {
                i: s * pair_factor(segments[best], segments[i], method, sigma)
                for i, s in left.items()
            }
            left = {i: s for i, s in left.items() if s >= min_score and s > 0}
    results.sort(key=lambda result: -result[0])
    return results[:max_seg_num]


def check_replay(segments, scores, labels, results, method, min_score, max_seg_num):
    """The results are those of a greedy run; equal scores may have been taken in any order."""
    out_segments, out_scores, out_labels = (x.tolist() for x in results)
    assert out_scores == sorted(out_scores, reverse=True)
    assert len(out_scores) <= max_seg_num
    for label in set(labels):
        left = [[s, seg] for s, seg, k in zip(scores, segments, labels) if k == label]
        if method == 'hard':
            left = [item for item in left if item[0] > min_score]
        for segment, score in (
            (seg, s) for seg, s, k in zip(out_segments, out_scores, out_labels) if k == label
        ):
            same = [item for item in left if item[1] == segment]
            item = min(same, key=lambda item: abs(item[0] - score))
            assert item[0] == pytest.approx(score, abs=1e-6)
            assert item[0] >= max(other[0] for other in left) - 1e-6
            left.remove(item)
            for other in left:
                other[0] *= pair_factor(segment, other[1], method)
            left = [other for other in left if other[0] >= min_score - 1e-6]
        lowest = min_score if len(out_scores) < max_seg_num else out_scores[-1]
        assert all(item[0] <= max(lowest, min_score) + 1e-6 for item in left)


def random_candidates(n, num_classes, seed=0, length=20.0):
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0, 60, n)
    segments = np.stack([starts, starts + rng.uniform(0, length, n)], 1).astype(np.float32)
    scores = rng.uniform(0.001, 1, n).astype(np.float32)
    return segments, scores, rng.integers(num_classes, size=n)


@st.composite
def candidates(draw):
    """Few places and scores: many ties, repeats, and segments without length."""
    item = st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(1, 10), st.integers(0, 3))
    items = draw(st.lists(item, max_size=30))
    return (
        [[float(s), float(s + d)] for s, d, _, _ in items],
        [score / 10 for _, _, score, _ in items],
        [label for *_, label in items],
    )


def as_tensors(segments, scores, labels):
    return (
        torch.tensor(segments, dtype=torch.float32).reshape(-1, 2),
        torch.tensor(scores, dtype=torch.float32),
        torch.tensor(labels, dtype=torch.long),
    )


def test_gaussian_by_hand():
    segments, scores, labels = as_tensors(
        [[0, 10], [0, 10], [5, 15], [30, 40]], [0.9, 0.8, 0.6, 0.1], [1, 1, 1, 1]
    )
    out_segments, out_scores, out_labels = segment_nms(segments, scores, labels, num_classes=2)
    third = math.exp(-1 / 9 / 0.5)  # the IoU of [0, 10] and [5, 15] is 1/3
    assert out_segments.tolist() == [[0, 10], [5, 15], [30, 40], [0, 10]]
    assert out_scores.tolist() == pytest.approx(
        [0.9, 0.6 * third, 0.1, 0.8 * math.exp(-2) * third], abs=1e-5
    )
    assert out_labels.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    'method, expected',
    [
        ('hard', [0.9, 0.4, 0.05]),
        ('soft_hard', [0.9, 0.4]),
        ('linear', [0.9, 0.4, 0.8 * 0.2]),
        ('improved_gaussian', [0.9, 0.8 * math.exp(-0.64 / 0.5), 0.4]),
        ('gaussian', [0.9, 0.8 * math.exp(-0.64 / 0.5), 0.4 * math.exp(-((2 / 18) ** 2) / 0.5)]),
    ],
)
def test_methods_by_hand(method, expected):
    # IoU with the first: 0.8, 1/9, 0; the last is below min_score in the soft methods.
    segments, scores, labels = as_tensors(
        [[0, 10], [0, 8], [8, 18], [50, 60]], [0.9, 0.8, 0.4, 0.05], [0, 0, 0, 0]
    )
    result = segment_nms(
        segments,
        scores,
        labels,
        num_classes=1,
        method=method,
        sigma=0.5,
        iou_threshold=0.5,
        t1=0.2,
        t2=0.01,
        min_score=0.01 if method == 'hard' else 0.1,
    )
    assert result[1].tolist() == pytest.approx(sorted(expected, reverse=True), abs=1e-5)


def test_first_of_a_class_is_never_tested():
    segments, scores, labels = as_tensors([[0, 1], [5, 6], [8, 9]], [0.05, 0.04, 0.5], [0, 0, 1])
    result = segment_nms(segments, scores, labels, num_classes=2, min_score=0.1)
    assert result[1].tolist() == pytest.approx([0.5, 0.05])
    result = segment_nms(segments, scores, labels, num_classes=2, min_score=0.1, method='hard')
    assert result[1].tolist() == pytest.approx([0.5])


def test_equal_scores_keep_their_order():
    segments, scores, labels = as_tensors([[4, 8], [0, 4], [2, 6]], [0.5, 0.5, 0.5], [0, 0, 0])
    result = segment_nms(segments, scores, labels, num_classes=1, method='hard', iou_threshold=0.3)
    assert result[0].tolist() == [[4, 8], [0, 4]]


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('multiclass', [True, False])
def test_no_and_one_candidate(method, multiclass):
    kwargs = dict(num_classes=3, method=method, multiclass=multiclass, voting_thresh=0.7)
    segments, scores, labels = as_tensors([], [], [])
    shapes = [x.shape for x in segment_nms(segments, scores, labels, **kwargs)]
    assert shapes == [(0, 2), (0,), (0,)]
    one = as_tensors([[3, 3]], [0.4], [2])
    for found, expected in zip(segment_nms(*one, **kwargs), one):
        assert torch.equal(found, expected)


def test_unknown_method():
    with pytest.raises(ValueError, match="'median' is not one of gaussian, linear"):
        segment_nms(*as_tensors([], [], []), num_classes=1, method='median')


def test_class_agnostic_suppresses_other_classes():
    segments, scores, labels = as_tensors([[0, 10], [0, 10]], [0.9, 0.8], [4, 2])
    kwargs = dict(num_classes=5, method='hard', iou_threshold=0.5)
    assert segment_nms(segments, scores, labels, **kwargs)[2].tolist() == [4, 2]
    assert segment_nms(segments, scores, labels, multiclass=False, **kwargs)[2].tolist() == [4]


def test_voting_by_hand(monkeypatch):
    segments, scores, _ = as_tensors(
        [[0, 10], [2, 10], [20, 30], [5, 5]], [0.6, 0.2, 0.9, 0.1], [0] * 4
    )
    kept = segments[[0, 2, 3]]
    expected = torch.tensor([[0.5, 10.0], [20.0, 30.0], [5.0, 5.0]])
    torch.testing.assert_close(vote_segments(kept, segments, scores, 0.8), expected)
    monkeypatch.setattr(soft_nms, 'CHUNK_SIZE', 1)  # one kept segment at a time
    torch.testing.assert_close(vote_segments(kept, segments, scores, 0.8), expected)


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('steps', [1, 7, 32])
def test_same_as_plain_loops(method, steps, monkeypatch):
    """However many picks lie between two looks at what is left."""
    monkeypatch.setattr(soft_nms, 'STEPS', steps)
    for n, num_classes, max_seg_num in ((70, 1, 1000), (70, 3, 10), (150, 12, 60)):
        segments, scores, labels = random_candidates(n, num_classes, seed=n + num_classes)
        results = segment_nms(
            *as_tensors(segments, scores, labels),
            num_classes=num_classes,
            method=method,
            iou_threshold=THRESHOLD,
            min_score=0.02,
            max_seg_num=max_seg_num,
        )
        expected = plain_nms(
            segments.tolist(), scores.tolist(), labels.tolist(), method, 0.02, max_seg_num
        )
        kept = [i for _, i in expected]
        assert results[0].tolist() == segments[kept].tolist()
        assert results[1].tolist() == pytest.approx([s for s, _ in expected], abs=1e-6)
        assert results[2].tolist() == labels[kept].tolist()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    candidates(),
    st.sampled_from(METHODS),
    st.sampled_from([1, 3, 8, 100]),
    st.sampled_from([1e-3, 0.25]),
)
def test_ties_repeats_and_points(case, method, max_seg_num, min_score):
    results = segment_nms(
        *as_tensors(*case),
        num_classes=4,
        method=method,
        min_score=min_score,
        iou_threshold=THRESHOLD,
        max_seg_num=max_seg_num,
    )
    # Single precision, as the candidates were given.
    scores = np.float32(case[1]).tolist()
    check_replay(
        case[0], scores, case[2], results, method, np.float32(min_score).item(), max_seg_num
    )


def test_number_of_threads_is_kept():
    threads = torch.get_num_threads()
    segment_nms(*as_tensors([[0, 1]], [0.5], [0]), num_classes=1)
    assert torch.get_num_threads() == threads


def test_many_equal_candidates():
    """A class may end in the middle of a round, others go on."""
    segments, scores, labels = as_tensors(
        [[0, 9]] * 90 + [[0, 9], [20, 29]], [0.9] * 90 + [0.8, 0.7], [0] * 90 + [1, 1]
    )
    results = segment_nms(segments, scores, labels, num_classes=2)
    expected = [0.9 * math.exp(-2 * i) for i in range(4)] + [0.8, 0.7]
    assert results[1].tolist() == pytest.approx(sorted(expected, reverse=True), abs=1e-6)


def test_single_class_needs_no_square_of_the_candidates():
    candidates_ = as_tensors(*random_candidates(6000, 1))
    with LargestTensor() as largest:
        segment_nms(*candidates_, num_classes=1, max_seg_num=50)
    assert 6000 <= largest.numel <= 6000 * soft_nms.STEPS < 6000**2 / 30


class LargestTensor(TorchDispatchMode):
    """Notes the number of elements of the largest result of any operation."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(value, torch.Tensor):
                self.numel = max(self.numel, value.numel())
        return result


def reference_cases(golden_dir, seed):
    with np.load(golden_dir / f'nms_s{seed}.npz', allow_pickle=False) as arrays:
        for case in json.loads(bytes(arrays['cases_json']).decode()):
            names = ('segs', 'scores', 'labels', 'out_segs', 'out_scores', 'out_labels')
            yield case, [torch.from_numpy(arrays[f'{case["i"]}/{name}']) for name in names]


def reference_kwargs(kwargs):
    kwargs = dict(kwargs)
    method = REFERENCE_METHODS[kwargs.pop('method', 2)]
    return dict(kwargs, method=method if kwargs.pop('use_soft_nms', True) else 'hard')


def canonical(segments, scores, labels):
    """Order by label and place: equal scores have no order of their own."""
    order = np.lexsort((-scores.numpy(), segments[:, 1], segments[:, 0], labels))
    return segments[order], scores[order], labels[order]


def assert_results(found, expected, case):
    # Voting averages hundreds of times of up to 1000 grid steps: relative to their size.
    for a, b, rtol in zip(found, expected, (1e-6, 0, 0)):
        torch.testing.assert_close(a, b, rtol=rtol, atol=1e-6, msg=lambda m: f'{case}: {m}')


@pytest.mark.parametrize('seed', range(3))
def test_reference_cases(golden_dir, seed):
    for case, (segments, scores, labels, *expected) in reference_cases(golden_dir, seed):
        kwargs = reference_kwargs(case['kwargs'])
        found = segment_nms(segments, scores, labels, num_classes=case['C'], **kwargs)
        if case['score_ties']:
            found, expected = canonical(*found), canonical(*expected)
        assert_results(found, expected, case)


@pytest.mark.parametrize('split', ['test_odd', 'test_long'])
def test_reference_models(golden_dir, split):
    for path in sorted(golden_dir.glob('model_*.npz')):
        with np.load(path, allow_pickle=False) as arrays:
            info = json.loads(bytes(arrays['info_json']).decode())
            candidates_, expected = (
                [
                    torch.from_numpy(arrays[f'{split}/{step}_{name}'])
                    for name in ('segments', 'scores', 'labels')
                ]
                for step in ('prenms', 'nms')
            )
        kwargs = reference_kwargs(info['post_processing']['nms'])
        found = segment_nms(*candidates_, num_classes=info['num_classes'], **kwargs)
        torch.testing.assert_close(found[1], expected[1], rtol=0, atol=1e-6)
        assert_results(canonical(*found), canonical(*expected), path.name)
