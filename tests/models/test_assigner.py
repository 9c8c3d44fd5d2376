# SPDX-License-Identifier: Apache-2.0
"""Assignment against hand-worked cases and an independent implementation with plain loops."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch.utils._python_dispatch import TorchDispatchMode

from tmx_plugin.models.necks.temporal_maxer_neck import level_lengths
from tmx_plugin.models.task_modules import TemporalSimOTAAssigner
from tmx_plugin.models.task_modules.points import decode_segments, pyramid_points
from tmx_plugin.models.task_modules.sim_ota_assigner import (
    cheapest_share,
    one_hot_focal_cost,
    pairs_inside,
)

RANGES = [(0, 4), (4, 8), (8, 10000)]
STRIDES = [1, 2, 4]


def points_of(lengths, ranges=RANGES):
    return pyramid_points(lengths, [2**i for i in range(len(lengths))], ranges)


def assign(segments, labels, points, logits=None, offsets=None, valid=None, **kwargs):
    n = len(points.time)
    logits = torch.zeros(n, 3) if logits is None else logits
    offsets = torch.ones(n, 2) if offsets is None else offsets
    valid = torch.ones(n, dtype=torch.bool) if valid is None else valid
    return TemporalSimOTAAssigner(**kwargs).assign(
        points,
        valid,
        logits,
        offsets,
        torch.tensor(segments, dtype=torch.float32).reshape(-1, 2),
        torch.tensor(labels, dtype=torch.long),
    )


def test_points_of_a_pyramid():
    points = points_of([4, 2, 1])
    assert points.time.tolist() == [0, 1, 2, 3, 0, 2, 0]
    assert points.stride.tolist() == [1, 1, 1, 1, 2, 2, 4]
    assert points.range_low.tolist() == [0, 0, 0, 0, 4, 4, 8]
    offsets = torch.tensor([[1.0, 2.0]] * 7)
    segments = decode_segments(offsets, points)
    assert segments[3].tolist() == [2, 5]
    assert segments[5].tolist() == [0, 6]


def test_one_segment_by_hand():
    # Segment [2, 8], centre 5. Level 0: inside (3.5, 6.5) lie 4, 5, 6; the far end is 4, 3, 4
    # steps away, in [0, 4]. Level 1 (stride 2): inside (2, 8) lie 4 and 6, both 4 away, in [4, 8].
    # Level 2 (stride 4): 4 alone, 4 away, below its range.
    points = points_of([12, 6, 3])
    found = assign([(2, 8)], [1], points)
    matched = [(points.stride[i].item(), points.time[i].item()) for i in found.matched_points]
    assert matched == [(1, 4), (1, 5), (1, 6), (2, 4), (2, 6)]
    assert found.class_targets.sum(0).tolist() == [0, 5, 0]
    assert found.offset_targets[5].tolist() == [3, 3]
    assert found.offset_targets[12 + 2].tolist() == [1, 2]  # in strides
    assert (found.nearest_gt[:12] == 0).tolist() == [2 <= t <= 8 for t in range(12)]
    assert (found.weights == 1).all()


def test_the_shorter_of_two_is_matched_and_equal_ones_both():
    points = points_of([12], [(0, 100)])
    found = assign([(0, 10), (3, 7)], [0, 1], points)
    assert set(zip(found.matched_points.tolist(), found.matched_gts.tolist())) == {
        (4, 1),
        (5, 1),
        (6, 1),
    }
    found = assign([(3, 7), (3, 7.0005)], [0, 1], points)
    assert found.class_targets[5].tolist() == [1, 1, 0]
    assert found.nearest_gt[5] == 0  # equal costs: the first


def test_strictly_inside_the_centre():
    points = points_of([12], [(0, 100)])
    # [5, 6]: only 5 and 6 lie inside, both at its ends.
    assert len(assign([(5, 6)], [0], points).matched_points) == 0
    # [3.5, 8.5], centre 6: 4.5 and 7.5 are the ends of the centre.
    assert assign([(3.5, 8.5)], [0], points).matched_points.tolist() == [5, 6, 7]


def test_offsets_are_learnt_from_the_cheapest_segment_matched_or_not():
    points = points_of([12], [(0, 100)])
    offsets = torch.tensor([[5.0, 5.0]]).repeat(12, 1)  # at 5: exactly the long segment
    found = assign([(0, 10), (3, 7)], [0, 0], points, offsets=offsets)
    assert found.nearest_gt[5] == 0 and (found.matched_gts == 1).all()
    assert found.offset_targets[5].tolist() == [5, 5]


def test_padding_takes_no_part():
    points = points_of([12], [(0, 100)])
    valid = torch.arange(12) < 5
    found = assign([(2, 8)], [0], points, valid=valid)
    assert found.matched_points.tolist() == [4]
    assert found.weights.tolist() == [1.0] * 5 + [0.0] * 7
    assert (found.nearest_gt[5:] == -1).all()


@pytest.mark.parametrize('segments', [[], [(8, 2)], [(20, 30)], [(-5, -1)]])
def test_nothing_to_match(segments):
    found = assign(segments, [0] * len(segments), points_of([12, 6, 3]))
    assert len(found.matched_points) == 0 and found.class_targets.sum() == 0
    assert (found.nearest_gt == -1).all() and (found.weights == 1).all()


def test_keep_percent_weights_the_cheapest_points_of_each_segment():
    points = points_of([12], [(0, 100)])
    offsets = torch.full((12, 2), 20.0)
    offsets[3], offsets[4] = torch.tensor([1.0, 5.0]), torch.tensor([2.0, 4.0])  # exact there
    found = assign([(2, 8)], [0], points, offsets=offsets, keep_percent=0.3, confuse_weight=0.25)
    # 7 points inside: int(0.3 * 7) = 2 are kept.
    assert found.weights.tolist() == [1, 1, 0.25, 1, 1, 0.25, 0.25, 0.25, 0.25, 1, 1, 1]
    with pytest.raises(ValueError, match='keep_percent'):
        TemporalSimOTAAssigner(keep_percent=1.5)


def test_cheapest_share_by_hand():
    costs = torch.tensor([3.0, 1.0, 2.0, 5.0, 4.0])
    gt_idx = torch.tensor([0, 0, 0, 1, 1])
    assert cheapest_share(costs, gt_idx, 3, 0.5).tolist() == [False, True, False, False, True]


def test_focal_cost_is_the_sum_over_all_classes():
    torch.manual_seed(0)
    logits = torch.randn(5, 7)
    point_idx, labels = torch.tensor([0, 0, 3, 4]), torch.tensor([1, 6, 2, 0])
    expected = []
    for p, label in zip(point_idx, labels):
        total = 0.0
        for k, x in enumerate(logits[p].tolist()):
            prob = 1 / (1 + math.exp(-x))
            total += (
                -0.25 * (1 - prob) ** 2 * math.log(prob)
                if k == label
                else -0.75 * prob**2 * math.log(1 - prob)
            )
        expected.append(total)
    torch.testing.assert_close(
        one_hot_focal_cost(logits, point_idx, labels), torch.tensor(expected)
    )


def slow_assign(points, valid, logits, offsets, segments, labels, radius=1.5):
    """The definition, pair by pair, in double precision."""
    matched, nearest = set(), []
    rows = list(
        zip(
            points.time.tolist(),
            points.stride.tolist(),
            points.range_low.tolist(),
            points.range_high.tolist(),
        )
    )
    for n, (t, stride, low, high) in enumerate(rows):
        costs, candidates = {}, {}
        for g, (s, e) in enumerate(segments.double().tolist()):
            if not valid[n] or t < s or t > e:
                continue
            lt, rt = (t - s) / stride, (e - t) / stride
            lp, rp = offsets[n].double().tolist()
            inter = min(lp, lt) + min(rp, rt)
            union = lp + rp + lt + rt - inter
            hull = max(lp, lt) + max(rp, rt)
            iou_cost = (
                1 - inter / max(union, 1e-8) + (((rp - lp) - (rt - lt)) / 2 / max(hull, 1e-8)) ** 2
            )
            focal = 0.0
            for k, x in enumerate(logits[n].double().tolist()):
                p = 1 / (1 + math.exp(-x))
                focal += (
                    -0.25 * (1 - p) ** 2 * math.log(p)
                    if k == labels[g]
                    else -0.75 * p**2 * math.log(1 - p)
                )
            costs[g] = focal + 2 * iou_cost
            centre = (s + e) / 2
            if (
                max(s, centre - radius * stride) < t < min(e, centre + radius * stride)
                and low <= max(t - s, e - t) <= high
            ):
                candidates[g] = e - s
        shortest = min(candidates.values(), default=0)
        matched |= {(n, g) for g, length in candidates.items() if length <= shortest + 1e-3}
        nearest.append(costs)
    return matched, nearest


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(0, 12), st.integers(0, 2**16))
def test_equals_the_definition(length, num_gts, seed):
    generator = torch.Generator().manual_seed(seed)

    def rand(*size):
        return torch.rand(*size, generator=generator)

    points = points_of(level_lengths(length, 3))
    n = len(points.time)
    # Quarter steps: points on ends, on the edge of centres and of ranges do occur.
    starts = (rand(num_gts) * length * 4).round() / 4 - 2
    segments = torch.stack((starts, starts + (rand(num_gts) * 60).round() / 4 - 1), 1)
    labels = (rand(num_gts) * 3).long()
    logits, offsets = rand(n, 3) * 8 - 4, rand(n, 2) * 6
    valid = points.time < max(1, length - 3)
    found = TemporalSimOTAAssigner().assign(points, valid, logits, offsets, segments, labels)
    matched, costs = slow_assign(points, valid, logits, offsets, segments, labels)
    assert set(zip(found.matched_points.tolist(), found.matched_gts.tolist())) == matched
    for i, row in enumerate(costs):
        chosen = found.nearest_gt[i].item()
        assert (chosen == -1) == (not row)
        if row:  # in single precision the least may be another one that costs the same
            assert row[chosen] <= min(row.values()) + 1e-5
    point_idx, _ = pairs_inside(points, valid, segments)
    assert (point_idx.diff() >= 0).all()


class LargestTensor(TorchDispatchMode):
    """Notes the largest number of bytes that any operation returns."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return out


def test_no_tensor_of_points_by_segments_by_classes():
    num_gts, num_classes = 300, 293
    points = pyramid_points(
        level_lengths(2304, 6),
        [2**i for i in range(6)],
        [(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 10000)],
    )
    n = len(points.time)
    torch.manual_seed(0)
    starts = torch.rand(num_gts) * 2250
    segments = torch.stack((starts, starts + torch.rand(num_gts) * 50 + 1), 1)
    with LargestTensor() as largest:
        TemporalSimOTAAssigner().assign(
            points,
            torch.ones(n, dtype=torch.bool),
            torch.randn(n, num_classes),
            torch.rand(n, 2) * 5,
            segments,
            torch.randint(0, num_classes, (num_gts,)),
        )
    # The logits themselves are n x K floats; a full n x G x K would be 1.6 GB.
    assert largest.bytes <= 4 * n * max(num_gts, num_classes)
