# SPDX-License-Identifier: Apache-2.0
"""Which frames a clip covers: the feature grid, seen from the video's side."""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..errors import ConfigError


@dataclass(frozen=True)
class ClipGeometry:
    """Clip ``i`` covers the frames ``i * stride`` to ``i * stride + clip_len - 1``.

    Its centre is frame ``i * stride + clip_len / 2``, so ``offset_frames = clip_len / 2`` and
    ``feature_stride = stride`` describe the same grid to the datasets.

    Args:
        clip_len (int): Frames from the first to the last of a clip, both included.
        stride (int): Frames between the starts of neighbouring clips.
        frames_per_clip (int, optional): How many of the ``clip_len`` frames the recognizer
            sees, spread evenly; None means all of them.

    Raises:
        ConfigError: If one of them is not positive.

    Examples:
        >>> geometry = ClipGeometry(clip_len=16, stride=4)
        >>> geometry.num_clips(100), geometry.offset_frames
        (22, 8.0)
        >>> ClipGeometry(clip_len=16, stride=4, frames_per_clip=4).picks
        array([ 2,  6, 10, 14])
    """

    clip_len: int
    stride: int
    frames_per_clip: Optional[int] = None

    def __post_init__(self) -> None:
        for name in ('clip_len', 'stride', 'frames_per_clip'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f'{name} must be at least 1, but is {value}')

    @property
    def offset_frames(self) -> float:
        """Centre of clip 0, in frames."""
        return self.clip_len / 2

    @property
    def picks(self) -> np.ndarray:
        """Frames the recognizer sees, counted from the clip's first: ``(frames_per_clip,)``.

        The centres of equal parts of the clip, hence repeats where there are more parts than
        frames.
        """
        count = self.frames_per_clip or self.clip_len
        return np.floor((np.arange(count) + 0.5) * self.clip_len / count).astype(np.int64)

    def num_clips(self, num_frames: int) -> int:
        """Number of clips that lie wholly inside a video of ``num_frames`` frames.

        A video shorter than one clip gets a single clip, in which its last frame is repeated;
        a video without frames gets none.
        """
        if num_frames < 1:
            return 0
        return max(num_frames - self.clip_len, 0) // self.stride + 1


def resample_indices(
    num_frames: int, source_fps: float, fps: float, times: Optional[np.ndarray] = None
) -> np.ndarray:
    """Source frame that is on screen at each frame of the video played at ``fps``.

    Frame ``j`` of the result shows what the source shows in the middle of the interval
    ``[j / fps, (j + 1) / fps)``; at an unchanged rate that is frame ``j`` itself.

    Args:
        num_frames (int): Frames of the source.
        source_fps (float): Its (average) frame rate.
        fps (float): The rate wanted.
        times (np.ndarray, optional): ``(num_frames,)`` seconds at which the source's frames
            appear, ascending, for sources whose rate varies.

    Returns:
        np.ndarray: ``(round(num_frames * fps / source_fps),)`` int64, ascending; a frame is
        repeated where the rate goes up and left out where it goes down.

    Example:
        >>> resample_indices(6, source_fps=30., fps=15.)
        array([1, 3, 5])
        >>> resample_indices(3, source_fps=15., fps=30.)
        array([0, 0, 1, 1, 2, 2])
    """
    count = max(round(num_frames * fps / source_fps), min(num_frames, 1))
    middle = (np.arange(count) + 0.5) / fps
    if times is None:
        # A hair more than the exact product, which rounding may put just below a frame.
        indices = np.floor(middle * source_fps + 1e-6).astype(np.int64)
    else:
        indices = np.searchsorted(times - times[0], middle, side='right') - 1
    return indices.clip(0, max(num_frames - 1, 0))
