# SPDX-License-Identifier: Apache-2.0
"""Decoding a video once, from the first frame to the last."""
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Optional

import numpy as np

from .geometry import resample_indices


def _decord():
    try:
        import decord
    except ImportError as error:
        raise ImportError('reading videos needs decord: pip install "tmx_plugin[video]"'
                          ) from error
    return decord


class VideoFrames:
    """Frames of a video in order, read in runs while the previous run is being used.

    Args:
        path (str): The video file.
        fps (float, optional): Frame rate to resample to by repeating and leaving out frames;
            None plays it as it is.

    Attributes:
        fps (float): Frame rate of what is read.
        source_fps (float): (Average) frame rate of the file.
        duration (float): Seconds.

    Raises:
        ImportError: Without decord; names the extra that brings it.
        ValueError: If the file is no video that can be read, or has no frames.
    """

    def __init__(self, path: str, fps: Optional[float] = None) -> None:
        decord = _decord()
        self.path = str(path)
        try:
            self._reader = decord.VideoReader(self.path)
            self.source_frames = len(self._reader)
            self.source_fps = float(self._reader.get_avg_fps())
        except Exception as error:  # decord raises its own and RuntimeError, by cause
            raise ValueError(f'{self.path}: cannot be read as a video ({_first_line(error)})'
                             ) from error
        if self.source_frames < 1 or not self.source_fps > 0:
            raise ValueError(f'{self.path}: {self.source_frames} frames at {self.source_fps} '
                             'frames a second; expected a video with frames')
        self.fps = float(fps or self.source_fps)
        self.duration = self.source_frames / self.source_fps
        self._wanted, self._repeats = np.arange(self.source_frames), None
        if fps is not None:
            self._wanted, self._repeats = np.unique(
                resample_indices(self.source_frames, self.source_fps, fps, self._times()),
                return_counts=True)

    def _times(self) -> Optional[np.ndarray]:
        """Seconds (source_frames,) at which frames appear, where the rate varies, else None."""
        times = self._reader.get_frame_timestamp(range(self.source_frames))[:, 0]
        times = times.astype(np.float64)
        regular = times[0] + np.arange(self.source_frames) / self.source_fps
        drifts = np.abs(times - regular).max() > 1 / self.source_fps
        return times if drifts and (np.diff(times) >= 0).all() else None

    def __len__(self) -> int:
        return int(len(self._wanted) if self._repeats is None else self._repeats.sum())

    def chunks(self, size: int = 32) -> Iterator[np.ndarray]:
        """Yield neighbouring runs of frames, each ``(f, H, W, 3)`` uint8 RGB.

        ``size`` frames are decoded at a time, in the background while the run before is in
        use; repeats for a higher frame rate come on top. Each frame is decoded once.
        """
        starts = range(0, len(self._wanted), size)
        with ThreadPoolExecutor(max_workers=1) as pool:
            pending = pool.submit(self._read, 0, size)
            for start in starts:
                frames = pending.result()
                if start + size < len(self._wanted):
                    pending = pool.submit(self._read, start + size, size)
                yield frames

    def _read(self, start: int, size: int) -> np.ndarray:
        wanted = self._wanted[start:start + size]
        try:
            frames = self._reader.get_batch(wanted.tolist()).asnumpy()
        except Exception as error:  # decord's own, or RuntimeError
            raise ValueError(f'{self.path}: broken between frame {wanted[0]} and {wanted[-1]} '
                             f'of {self.source_frames} ({_first_line(error)})') from error
        if self._repeats is None:
            return frames
        return np.repeat(frames, self._repeats[start:start + size], axis=0)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
