# SPDX-License-Identifier: Apache-2.0
"""Transforms, against hand-worked cases and slow independent versions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tmx_plugin.datasets.errors import DataError
from tmx_plugin.datasets.transforms import (
    LoadFeatures,
    PackTALInputs,
    RandomTruncation,
    SegmentsToGrid,
)
from tmx_plugin.datasets.transforms.loading import match_lengths, select_channels
from tmx_plugin.datasets.transforms.segments import clip_segments


# ------------------------------------------------------------------ loading
def test_load_is_lazy(tmp_path):
    np.save(tmp_path / 'v.npy', np.arange(12, dtype=np.float16).reshape(6, 2))
    out = LoadFeatures()(dict(video_id='v', feature_paths=[str(tmp_path / 'v.npy')]))
    assert isinstance(out['feats'][0], np.memmap)
    assert out['feat_len'] == 6


def test_load_concatenates_folders_and_selects_channels(tmp_path):
    np.save(tmp_path / 'rgb.npy', np.array([[1, 2], [3, 4], [5, 6], [7, 8]], np.float32))
    np.save(tmp_path / 'flow.npy', np.array([[10, 20, 30]] * 4, np.float64))
    paths = [str(tmp_path / 'rgb.npy'), str(tmp_path / 'flow.npy')]
    out = LoadFeatures()(dict(video_id='v', feature_paths=paths, channels=(1, 4), sample_stride=2))
    packed = np.concatenate(out['feats'], axis=1)
    np.testing.assert_array_equal(packed, [[2, 10, 20], [6, 10, 20]])
    assert out['feat_len'] == 2


def test_load_takes_channels_first_files(tmp_path):
    np.save(tmp_path / 'v.npy', np.arange(6, dtype=np.float32).reshape(2, 3))
    out = LoadFeatures()(dict(video_id='v', feature_paths=[str(tmp_path / 'v.npy')], layout='ct'))
    np.testing.assert_array_equal(out['feats'][0], [[0, 3], [1, 4], [2, 5]])


def test_cache_goes_before_the_file():
    out = LoadFeatures()(
        dict(video_id='v', feature_paths=['no.npy'], feature_cache={'no.npy': np.ones((3, 2))})
    )
    assert out['feat_len'] == 3


def test_shorter_features_are_interpolated():
    # align_corners=False: sample i of 4 lies at (i + 0.5) * 2 / 4 - 0.5 = -0.25, 0.25, 0.75, 1.25.
    short, long = np.array([[0.0], [1.0]], np.float32), np.zeros((4, 3), np.float32)
    matched = match_lengths([short, long])
    np.testing.assert_allclose(matched[0], [[0], [0.25], [0.75], [1]])
    assert matched[1] is long


def _resize_slowly(column, length):
    """Linear interpolation between the centres of equal cells, edges repeated."""
    positions = (np.arange(length) + 0.5) * len(column) / length - 0.5
    return np.interp(positions, np.arange(len(column)), column)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_interpolation_matches_slow_version(short, more, seed):
    feat = np.random.default_rng(seed).random((short, 2)).astype(np.float32)
    matched = match_lengths([feat, np.zeros((short + more, 1))])[0]
    for channel in range(2):
        np.testing.assert_allclose(
            matched[:, channel], _resize_slowly(feat[:, channel], short + more), atol=1e-5
        )


def test_channels_that_are_not_there():
    with pytest.raises(DataError, match="video 'v': expected at least 1024 channels.*found 5"):
        select_channels([np.zeros((1, 2)), np.zeros((1, 3))], 0, 1024, 'v')


# ------------------------------------------------------------------ segments
def info(segments, labels, **geometry):
    geometry = dict(
        dict(fps=30, duration=10.0, num_frames=None, feature_stride=4, offset_frames=8), **geometry
    )
    return dict(
        segments_sec=np.array(segments, dtype=np.float64).reshape(-1, 2),
        labels=np.array(labels, dtype=np.int64),
        **geometry,
    )


def test_grid_by_fps():
    out = SegmentsToGrid()(info([[1, 2.05]], [3]))
    # frames int(30) and int(61.5); grid (30 - 8) / 4 and (61 - 8) / 4
    np.testing.assert_array_equal(out['segments_grid'], [[5.5, 13.25]])
    assert out['segments_grid'].dtype == np.float32
    assert out['segment_labels'].tolist() == [3]


def test_grid_by_share_of_the_video():
    # 1 / 33.733 * 1012 = 30.0003 -> 30, though 1 s at 29.99 fps would be 29.
    out = SegmentsToGrid()(
        info([[1, 33.733]], [0], fps=1012 / 33.733, duration=33.733, num_frames=1012)
    )
    np.testing.assert_array_equal(out['segments_grid'], [[5.5, 251]])


def test_repeats_on_the_grid_are_kept_once_and_in_order():
    out = SegmentsToGrid()(info([[5, 6], [1, 2], [1.01, 2.01], [1, 2], [5, 6]], [0, 1, 1, 2, 0]))
    np.testing.assert_array_equal(out['segments_grid'], [[35.5, 43], [5.5, 13], [5.5, 13]])
    assert out['segment_labels'].tolist() == [0, 1, 2]
    assert len(out['segments_sec']) == len(out['labels']) == 5, 'evaluation keeps them all'


def test_grid_without_segments():
    out = SegmentsToGrid()(info([], []))
    assert out['segments_grid'].shape == (0, 2) and out['segment_labels'].shape == (0,)


# ------------------------------------------------------------------ truncation
class Draws:
    """Stand-in for a generator: returns the given integers and notes the asked-for ranges."""

    def __init__(self, *values):
        self.values, self.asked = list(values), []

    def integers(self, low, high, endpoint=False):
        assert endpoint
        self.asked.append((low, high))
        value = self.values.pop(0)
        assert low <= value <= high
        return value


def sample(total, segments, draws, labels=None):
    segments = np.array(segments, dtype=np.float32).reshape(-1, 2)
    labels = np.arange(len(segments)) if labels is None else np.array(labels)
    return dict(
        feats=[np.arange(total)[:, None]],
        feat_len=total,
        segments_grid=segments,
        segment_labels=labels,
        rng=draws,
    )


def test_whole_length_stays_unfiltered():
    draws = Draws(10)
    out = RandomTruncation(max_seq_len=20)(sample(10, [[-2, 3], [4, 4], [8, 99]], draws))
    assert draws.asked == [(9, 10)]
    np.testing.assert_array_equal(out['segments_grid'], [[-2, 3], [4, 4], [8, 99]])
    assert len(out['feats'][0]) == out['feat_len'] == 10


def test_short_sequence_is_cropped_a_little():
    draws = Draws(9, 1)
    out = RandomTruncation(max_seq_len=20)(sample(10, [[0, 2], [0, 2.5], [3, 6], [9, 12]], draws))
    assert draws.asked == [(9, 10), (0, 1)]
    # window [1, 10]: one half of [0, 2] is left, which suffices; of [9, 12] a third, which does not
    np.testing.assert_array_equal(out['segments_grid'], [[0, 1], [0, 1.5], [2, 5]])
    assert out['segment_labels'].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(out['feats'][0][:, 0], np.arange(1, 10))


def test_long_sequence_is_cut_to_the_maximum():
    draws = Draws(15)
    out = RandomTruncation(max_seq_len=5)(sample(20, [[16, 18]], draws))
    assert draws.asked == [(0, 15)], 'no length is drawn; both ends of the range are possible'
    np.testing.assert_array_equal(out['segments_grid'], [[1, 3]])
    np.testing.assert_array_equal(out['feats'][0][:, 0], np.arange(15, 20))


def test_place_is_drawn_again_until_a_segment_remains():
    draws = Draws(0, 1, 4, 7)
    out = RandomTruncation(max_seq_len=5)(sample(12, [[8, 9]], draws))
    assert draws.values == [7] and draws.asked == [(0, 7)] * 3, 'one length, three places'
    np.testing.assert_array_equal(out['segments_grid'], [[4, 5]])


def test_last_place_is_used_even_without_a_segment():
    draws = Draws(*[0] * 199, 1)
    out = RandomTruncation(max_seq_len=5)(sample(12, [[10, 11], [3, 3]], draws))
    assert draws.values == []
    assert out['segments_grid'].shape == (0, 2) and out['segment_labels'].shape == (0,)
    np.testing.assert_array_equal(out['feats'][0][:, 0], np.arange(1, 6))


@pytest.mark.parametrize(
    'total, expected',
    [(1, (1, 1)), (2, (2, 2)), (5, (4, 5)), (15, (14, 15)), (25, (22, 25)), (100, (90, 100))],
)
def test_range_of_lengths(total, expected):
    # round() takes halves to the even number: 0.9 * 5 = 4.5 -> 4, 0.9 * 15 = 13.5 -> 14
    draws = Draws(total)
    RandomTruncation(max_seq_len=100)(sample(total, [], draws))
    assert draws.asked == [expected]


@pytest.mark.parametrize('thresh, kept', [(0.0, 3), (0.3, 3), (0.31, 2), (0.5, 2), (0.51, 1)])
def test_threshold_is_closed(thresh, kept):
    segments = np.array([[0, 10], [7, 17], [5, 15], [10, 20], [2, 2], [9, 3]], np.float32)
    clipped, keep = clip_segments(segments, 0, 10, thresh)
    assert keep.tolist() == [True, kept > 2, kept > 1, False, False, False]
    np.testing.assert_array_equal(clipped[:3], [[0, 10], [7, 10], [5, 10]])


def _truncate_slowly(segments, start, length, thresh):
    kept = []
    for index, (low, high) in enumerate(segments):
        if high <= low:
            continue
        left, right = max(low, start), min(high, start + length)
        if right > left and (right - left) / (high - low) >= thresh:
            kept.append((left - start, right - start, index))
    return kept


@settings(deadline=None, max_examples=200)
@given(
    total=st.integers(1, 60),
    maximum=st.integers(1, 50),
    seed=st.integers(0, 2**32 - 1),
    thresh=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    segments=st.lists(st.tuples(st.integers(-40, 280), st.integers(-40, 280)), max_size=6),
)
def test_truncation_matches_slow_version(total, maximum, seed, thresh, segments):
    # Quarters are exact in float32, so that no rounding can decide.
    segments = [(a / 4, b / 4) for a, b in segments]
    rng = np.random.default_rng(seed)
    out = RandomTruncation(max_seq_len=maximum, trunc_thresh=thresh)(sample(total, segments, rng))
    length = out['feat_len']
    start = int(out['feats'][0][0, 0])
    np.testing.assert_array_equal(out['feats'][0][:, 0], np.arange(start, start + length))
    if length == total:
        np.testing.assert_array_equal(out['segments_grid'], np.reshape(segments, (-1, 2)))
        return
    assert length == maximum if total > maximum else length >= max(round(0.9 * total), 1)
    expected = _truncate_slowly(segments, start, length, thresh)
    np.testing.assert_array_equal(
        out['segments_grid'], np.reshape([x[:2] for x in expected], (-1, 2))
    )
    assert out['segment_labels'].tolist() == [x[2] for x in expected]
    assert out['segments_grid'].dtype == np.float32


def test_draws_are_uniform_with_both_ends():
    rng, transform = np.random.default_rng(0), RandomTruncation(max_seq_len=5)
    starts = [int(transform(sample(8, [[0, 8]], rng))['feats'][0][0, 0]) for _ in range(2000)]
    # The window holds 5 / 8 of the segment wherever it lies, so that each of 4 places counts.
    assert set(starts) == {0, 1, 2, 3}
    assert np.bincount(starts).min() > 430


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(max_seq_len=0),
        dict(crop_ratio=(0, 1)),
        dict(max_tries=0),
        dict(crop_ratio=(0.9, 0.5)),
        dict(crop_ratio=(0.5, 1.5)),
    ],
)
def test_truncation_refuses_nonsense(kwargs):
    with pytest.raises(ValueError, match='must be'):
        RandomTruncation(**kwargs)


# ------------------------------------------------------------------ packing
META = dict(video_id='v', duration=2.0, fps=30.0, feature_stride=4, offset_frames=8, feat_len=3)


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64, np.int16])
def test_pack(dtype):
    segments = np.array([[0, 1]], np.float32)
    out = PackTALInputs()(
        dict(
            META,
            feats=[np.ones((3, 2), dtype), np.zeros((3, 1), np.float32)],
            segments_grid=segments,
            segment_labels=np.array([4]),
            segments_sec=np.array([[0, 0.5], [1, 1.5]]),
            labels=np.array([4, 5]),
        )
    )
    assert out['inputs'].dtype == torch.float32 and out['inputs'].is_contiguous()
    assert out['inputs'].tolist() == [[1, 1, 0]] * 3
    data_sample = out['data_samples']
    assert data_sample.gt_instances.segments.tolist() == [[0, 1]]
    assert data_sample.gt_instances.labels.dtype == torch.int64
    assert {k: data_sample.metainfo[k] for k in META} == META
    assert data_sample.metainfo['gt_segment_labels'].tolist() == [4, 5]
    assert data_sample.metainfo['gt_segments_sec'].dtype == np.float64


def test_pack_for_testing_has_no_grid_segments_and_needs_no_ground_truth():
    out = PackTALInputs()(dict(META, feats=[np.ones((3, 2))]))
    assert 'gt_instances' not in out['data_samples']
    assert 'gt_segment_labels' not in out['data_samples'].metainfo


def test_pack_copies():
    feats = np.ones((3, 2), np.float32)
    out = PackTALInputs()(dict(META, feats=[feats]))
    out['inputs'].zero_()
    assert feats.all(), 'cached features must survive in-place changes'
