# SPDX-License-Identifier: Apache-2.0
"""Seconds, frames and the feature grid: the only place where a time changes its unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class VideoTime:
    """How the features of a video lie in its time.

    Grid step ``i`` stands for the clip centred at frame ``i * feature_stride + offset_frames``;
    the clip reaches ``offset_frames`` before and behind its centre. Every method takes numpy
    arrays and plain numbers, :meth:`to_grid` and :meth:`to_seconds` torch tensors too.

    Args:
        feature_stride (float): Frames from one feature to the next.
        offset_frames (float): Frame at the centre of the first clip: half the clip's length.
        fps (float, optional): Frames a second.
        duration (float, optional): Length of the video in seconds.
        num_frames (int, optional): Length of the video in frames. Where it is known, a time is
            placed as its share of the video (THUMOS-14, MultiTHUMOS).

    The attributes may also be arrays (V,), for the videos of a data set at once.

    Examples:
        >>> time = VideoTime(feature_stride=4, offset_frames=8, fps=25., duration=10.)
        >>> time.to_frames([1.99, 0.04])
        array([49,  1])
        >>> time.to_grid(time.to_frames(2.))
        np.float64(10.5)
        >>> time.extent(22)
        4.0
    """

    feature_stride: Any
    offset_frames: Any
    fps: Any = None
    duration: Any = None
    num_frames: Any = None

    @classmethod
    def of(cls, info: Mapping) -> 'VideoTime':
        """From the information of a video or the metainfo of its data sample.

        Args:
            info (Mapping): With ``feature_stride``, ``offset_frames``, ``fps``, ``duration`` and
                perhaps ``num_frames``.
        """
        return cls(
            info['feature_stride'],
            info['offset_frames'],
            info['fps'],
            info['duration'],
            info.get('num_frames'),
        )

    def to_frames(self, seconds: Any) -> np.ndarray:
        """Whole video frames at the given times, truncated towards zero.

        Args:
            seconds (array_like): Times in seconds.

        Returns:
            np.ndarray: Frame numbers, int64, of the shape of ``seconds``.
        """
        seconds = np.asarray(seconds, dtype=np.float64)
        frames = (
            seconds * self.fps
            if self.num_frames is None
            else seconds / self.duration * self.num_frames
        )
        # Beyond 2^53 a float64 counts nothing, and what int64 cannot hold would turn negative.
        return np.trunc(frames).clip(-(2**53), 2**53).astype(np.int64)

    def to_grid(self, frames: Any) -> Any:
        """Position on the feature grid of video frames.

        >>> VideoTime(feature_stride=4, offset_frames=8).to_grid(20)
        3.0
        """
        return (frames - self.offset_frames) / self.feature_stride

    def to_seconds(self, grid: Any) -> Any:
        """Seconds of positions on the feature grid, clamped to the video ``[0, duration]``.

        >>> VideoTime(4, 8, fps=10., duration=5.).to_seconds(np.array([-3., 0., 3., 99.]))
        array([0. , 0.8, 2. , 5. ])
        """
        return ((grid * self.feature_stride + self.offset_frames) / self.fps).clip(0, self.duration)

    def extent_frames(self, length: Any) -> Any:
        """Frames from the start of the first clip to the end of the last of ``length`` clips.

        >>> VideoTime(feature_stride=4, offset_frames=8).extent_frames(22)
        100
        """
        return (length - 1) * self.feature_stride + 2 * self.offset_frames

    def extent(self, length: Any) -> Any:
        """Seconds from the start of the first clip to the end of the last of ``length`` clips.

        >>> VideoTime(feature_stride=4, offset_frames=8, fps=25.).extent(22)
        4.0
        """
        return self.extent_frames(length) / self.fps

    @property
    def step(self) -> Any:
        """Seconds from one feature to the next."""
        return self.feature_stride / self.fps

    def expected_length(self) -> Any:
        """Number of features, at least 1, not rounded, at which they cover the duration.

        >>> VideoTime(4, 8, fps=25., duration=4.).expected_length()
        np.float64(22.0)
        """
        return np.maximum(
            (self.duration * self.fps - 2 * self.offset_frames) / self.feature_stride + 1, 1
        )
