# SPDX-License-Identifier: Apache-2.0
import doctest

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tmx_plugin.structures import video_time
from tmx_plugin.structures.video_time import VideoTime


def test_frames_are_truncated():
    assert VideoTime(1, 0, fps=25).to_frames([1.99, 0.04]).tolist() == [49, 1]
    # 10 s of 299 frames: 29.9 a second, whatever fps says.
    time = VideoTime(1, 0, fps=30, duration=10.0, num_frames=299)
    assert time.to_frames([[5.0, 10.0]]).tolist() == [[149, 299]]


def test_clip_centres():
    # 16-frame clips every 4 frames: clip 0 is centred at frame 8, clip 3 at 20.
    time = VideoTime(4, 8, fps=10.0, duration=5.0)
    assert time.to_grid(np.array([8, 20])).tolist() == [0, 3]
    assert time.to_seconds(np.array([0.0, 3.0])).tolist() == [0.8, 2.0]
    assert time.to_seconds(torch.tensor([-9.0, 100.0])).tolist() == [0.0, 5.0]


def test_of_a_data_sample():
    meta = dict(feature_stride=4, offset_frames=8, fps=30.0, duration=9.0, video_id='v')
    assert VideoTime.of(meta) == VideoTime(4, 8, 30.0, 9.0)
    assert VideoTime.of(dict(meta, num_frames=270)).num_frames == 270


def test_examples():
    found = doctest.testmod(video_time)
    assert found.attempted >= 8 and not found.failed


@given(st.floats(0, 1e4), st.integers(1, 64), st.integers(0, 64), st.floats(1, 120))
def test_round_trip_within_a_frame(seconds, stride, offset, fps):
    time = VideoTime(stride, offset, fps, duration=1e9)
    back = time.to_seconds(time.to_grid(time.to_frames(seconds)))
    assert seconds - 1 / fps - 1e-6 <= back <= seconds + 1e-6


@given(
    st.integers(1, 64),
    st.floats(0, 40),
    st.sampled_from([15.0, 24.0, 29.97, 30.0, 60.0]),
    st.floats(30, 4000),
)
def test_extent_and_expected_length_are_inverse(stride, offset, fps, duration):
    time = VideoTime(stride, offset, fps, duration)
    np.testing.assert_allclose(time.extent(time.expected_length()), max(duration, 2 * offset / fps))
