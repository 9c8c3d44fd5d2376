# SPDX-License-Identifier: Apache-2.0
import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tmx_plugin.structures.time_grid import frames_to_grid, grid_to_seconds, seconds_to_frames


def test_frames_are_truncated():
    assert seconds_to_frames([1.99, 0.04], fps=25).tolist() == [49, 1]
    # 10 s of 299 frames: 29.9 a second.
    assert seconds_to_frames([[5., 10.]], duration=10., num_frames=299).tolist() == [[149, 299]]


def test_clip_centres():
    # 16-frame clips every 4 frames: clip 0 is centred at frame 8, clip 3 at 20.
    assert frames_to_grid(np.array([8, 20]), 4, 8).tolist() == [0, 3]
    geometry = dict(feature_stride=4, offset_frames=8, fps=10., duration=5.)
    assert grid_to_seconds(np.array([0., 3.]), **geometry).tolist() == [0.8, 2.0]
    assert grid_to_seconds(torch.tensor([-9., 100.]), **geometry).tolist() == [0., 5.]


@given(st.floats(0, 1e4), st.integers(1, 64), st.integers(0, 64), st.floats(1, 120))
def test_round_trip_within_a_frame(seconds, stride, offset, fps):
    grid = frames_to_grid(seconds_to_frames(seconds, fps=fps), stride, offset)
    back = grid_to_seconds(grid, feature_stride=stride, offset_frames=offset, fps=fps,
                           duration=1e9)
    assert seconds - 1 / fps - 1e-6 <= back <= seconds + 1e-6
