# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmx_plugin.structures.clip_geometry import ClipGeometry, resample_indices


@given(st.integers(0, 300), st.integers(1, 40), st.integers(1, 40))
def test_every_clip_that_fits_is_counted(num_frames, clip_len, stride):
    fitting = [start for start in range(0, num_frames, stride) if start + clip_len <= num_frames]
    expected = len(fitting) if num_frames >= clip_len else min(num_frames, 1)
    assert ClipGeometry(clip_len, stride).num_clips(num_frames) == expected


def test_published_thumos_features_have_this_many_clips(shared_data):
    database = json.loads((shared_data / 'thumos14/thumos_14_anno.json').read_text())['database']
    lengths = json.loads((shared_data / 'thumos14/i3d_stride4_feature_lengths.json').read_text())
    geometry = ClipGeometry(clip_len=16, stride=4)
    more = np.array(
        [
            geometry.num_clips(database[video]['frame']) - found['feature_length']
            for video, found in lengths.items()
            if video in database
        ]
    )
    # Optical flow has one frame less than the video, which costs some videos their last clip.
    assert set(more) == {0, 1} and (more == 0).mean() > 0.7


def test_centre_of_clip_is_offset_of_grid():
    geometry = ClipGeometry(clip_len=32, stride=16)
    assert geometry.offset_frames == 16


@pytest.mark.parametrize(
    'count, expected', [(None, range(6)), (3, [1, 3, 5]), (1, [3]), (12, np.repeat(range(6), 2))]
)
def test_picks_are_spread_evenly(count, expected):
    assert ClipGeometry(6, 2, count).picks.tolist() == list(expected)


@pytest.mark.parametrize('name', ['clip_len', 'stride', 'frames_per_clip'])
def test_what_is_not_positive_is_refused(name):
    with pytest.raises(ValueError, match=f'{name} must be at least 1'):
        ClipGeometry(**{**dict(clip_len=2, stride=2), name: 0})


@given(st.integers(1, 500), st.sampled_from([23.976, 25.0, 29.97, 30.0, 60.0]))
def test_unchanged_rate_changes_nothing(num_frames, fps):
    assert resample_indices(num_frames, fps, fps).tolist() == list(range(num_frames))


def test_rates_up_and_down():
    assert resample_indices(4, 10, 20).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert resample_indices(8, 20, 10).tolist() == [1, 3, 5, 7]
    assert len(resample_indices(300, 29.97, 30)) == 300


def test_varying_rate_is_resampled_by_time():
    # One second at 2 frames a second, then one at 4.
    times = np.array([0, 0.5, 1, 1.25, 1.5, 1.75])
    assert resample_indices(6, 3, 4, times).tolist() == [0, 0, 1, 1, 2, 3, 4, 5]
