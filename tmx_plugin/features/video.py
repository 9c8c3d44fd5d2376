# SPDX-License-Identifier: Apache-2.0
"""Decoding a video once, from the first frame to the last.

decord says exactly which frames a file has and when they appear. OpenCV decodes them: decord reads
ahead without bound while its user is busy (gigabytes of frames within seconds), OpenCV not at all.
Both are FFmpeg inside and give the same pixels.
"""
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Optional

import cv2
import numpy as np

from ..errors import DataError, MissingPackageError
from ..structures.clip_geometry import resample_indices


def _decord():
    try:
        import decord
    except ImportError as error:
        raise MissingPackageError('reading videos needs decord: pip install "tmx_plugin[video]"'
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
        source_frames (int): Frames of the file.
        duration (float): Seconds.

    Raises:
        MissingPackageError: Without decord; names the extra that brings it.
        DataError: If the file is no video that can be read, or has no frames.
    """

    def __init__(self, path: str, fps: Optional[float] = None) -> None:
        decord = _decord()
        self.path = str(path)
        try:
            index = decord.VideoReader(self.path, num_threads=1)
            self.source_frames = len(index)
            self.source_fps = float(index.get_avg_fps())
        except Exception as error:  # decord raises its own and RuntimeError, by cause
            raise DataError(f'{self.path}: cannot be read as a video ({_first_line(error)})'
                            ) from error
        if self.source_frames < 1 or not self.source_fps > 0:
            raise DataError(f'{self.path}: {self.source_frames} frames at {self.source_fps} '
                            'frames a second; expected a video with frames')
        self.fps = float(fps or self.source_fps)
        self.duration = self.source_frames / self.source_fps
        # How often each frame of the file is shown, 0 for those that are left out.
        self._repeats = np.ones(self.source_frames, dtype=np.int64)
        if fps is not None:
            shown = resample_indices(
                self.source_frames, self.source_fps, fps, self._times(index))
            self._repeats = np.bincount(shown, minlength=self.source_frames)

    def _times(self, index) -> Optional[np.ndarray]:
        """Seconds (source_frames,) at which frames appear, where the rate varies, else None."""
        times = index.get_frame_timestamp(range(self.source_frames))[:, 0].astype(np.float64)
        regular = times[0] + np.arange(self.source_frames) / self.source_fps
        drifts = np.abs(times - regular).max() > 1 / self.source_fps
        return times if drifts and (np.diff(times) >= 0).all() else None

    def __len__(self) -> int:
        return int(self._repeats.sum())

    def chunks(self, size: int = 32) -> Iterator[np.ndarray]:
        """Yield neighbouring runs of at most ``size`` frames, each ``(f, H, W, 3)`` uint8 RGB.

        While one is in use, the next is decoded in the background. Each frame of the file is
        decoded once.

        Raises:
            DataError: If the file breaks off before its last frame.
        """
        frames = self._decode()
        with ThreadPoolExecutor(max_workers=1) as pool:
            pending = pool.submit(_take, frames, size)
            while len(run := pending.result()):
                pending = pool.submit(_take, frames, size)
                yield run

    def _decode(self) -> Iterator[np.ndarray]:
        capture = cv2.VideoCapture(self.path, cv2.CAP_FFMPEG)
        last = int(np.flatnonzero(self._repeats)[-1])
        for number, repeats in enumerate(self._repeats[:last + 1].tolist()):
            ok = capture.grab()
            if ok and repeats:
                ok, frame = capture.retrieve()
            if not ok:
                raise DataError(f'{self.path}: breaks off at frame {number} of '
                                f'{self.source_frames}')
            if repeats:
                frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                for _ in range(repeats):
                    yield frame


def _take(frames: Iterator[np.ndarray], count: int) -> np.ndarray:
    run = list(islice(frames, count))
    return np.stack(run) if run else np.empty(0)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
