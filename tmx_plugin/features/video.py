# SPDX-License-Identifier: Apache-2.0
"""Decoding a video once, from the first frame to the last, as a player shows it."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, repeat
from typing import Optional

import numpy as np
from mmengine.logging import print_log

from ..errors import DataError
from ..structures.clip_geometry import resample_indices
from ..utils.video_index import import_av, mend_command, open_stream, read_video_index

#: Part of the frames that may be damaged, and seconds at the end of a file; the last good frame is
#: shown meanwhile.
LOST_PART, LOST_END = 0.1, 1.0


class VideoFrames:
    """Frames of a video in order, read in runs while the previous run is being used.

    Frames lie on a regular grid of time: frame ``j`` is what a player shows in the middle of
    ``[j / fps, (j + 1) / fps)``. They are upright, as the file's display matrix says.

    Args:
        path (str): The video file.
        fps (float, optional): Frame rate to resample to by repeating and leaving out frames;
            None keeps that of the file.

    Attributes:
        fps (float): Frame rate of what is read.
        source_fps (float): Frame rate of the file; the average, where it varies.
        source_frames (int): Frames of the file.
        duration (float): Seconds.

    Raises:
        MissingPackageError: Without PyAV; names the extra that brings it.
        DataError: If the file is no video that can be read, or has no frames.
    """

    def __init__(self, path: str, fps: Optional[float] = None) -> None:
        index = self._index = read_video_index(path)
        self.path = index.path
        self.source_frames, self.duration = len(index), index.duration
        self.source_fps = self.source_frames / index.duration if index.varies else index.fps
        self.fps = float(fps or index.fps)
        # How often each frame of the file is shown, 0 for those that are left out.
        self._repeats: np.ndarray = np.ones(self.source_frames, dtype=np.int64)
        if fps is not None or index.varies:
            shown = resample_indices(
                self.source_frames, self.source_fps, self.fps, index.times if index.varies else None
            )
            self._repeats = np.bincount(shown, minlength=self.source_frames)

    def __len__(self) -> int:
        return int(self._repeats.sum())

    def chunks(self, size: int = 32) -> Iterator[np.ndarray]:
        """Yield neighbouring runs of at most ``size`` frames, each ``(f, H, W, 3)`` uint8 RGB.

        While one is in use, the next is decoded in the background. Each frame of the file is
        decoded once. Frames that are damaged are replaced by the one before.

        Raises:
            DataError: If more than a tenth of the frames, or more than the last second, cannot be
                decoded.
        """
        frames = self._repeated()
        with ThreadPoolExecutor(max_workers=1) as pool:
            pending = pool.submit(_take, frames, size)
            while len(run := pending.result()):
                pending = pool.submit(_take, frames, size)
                yield run

    def _repeated(self) -> Iterator[np.ndarray]:
        """Each frame as often as it is shown."""
        last = int(np.flatnonzero(self._repeats)[-1])
        number, lost = -1, 0
        picture: Optional[np.ndarray] = None
        for found, frame in self._decode():
            if not number < found <= last:
                continue
            # Frames between the previous one and this one are damaged; so may be the first ones.
            owed = int(self._repeats[number + 1 : found].sum())
            lost += owed
            new = _upright(frame, picture) if self._repeats[found] or picture is None else picture
            for _ in range(owed):
                yield new if picture is None else picture
            picture, number = new, found
            for _ in range(self._repeats[found]):
                yield picture
            if number == last:
                break
        owed = int(self._repeats[number + 1 :].sum())
        self._report_lost(number + 1, lost, owed)
        if picture is not None:
            yield from repeat(picture, owed)

    def _report_lost(self, end: int, lost: int, owed: int) -> None:
        """Say that ``lost`` frames before frame ``end`` and ``owed`` behind it are damaged."""
        total = lost + owed
        if owed > max(LOST_END * self.fps, 1) or total > max(LOST_PART * len(self), 1):
            where = (
                f'breaks off at frame {end} of {self.source_frames}'
                if owed
                else f'{total} of {len(self)} frames cannot be decoded'
            )
            raise DataError(
                f'{self.path}: {where}; to keep what can be decoded: '
                f'{mend_command(self.path, "-c:v libx264 -crf 18", ".mp4")}'
            )
        if total:
            print_log(
                f'{self.path}: {total} of {len(self)} frames cannot be decoded; the one '
                'before is shown',
                'current',
                logging.WARNING,
            )

    def _decode(self) -> Iterator[tuple]:
        """Number and PyAV frame of what can be decoded, in the order in which it is shown."""
        error_type, stamps = import_av().FFmpegError, self._index.stamps
        container, stream = open_stream(self._index)
        with container:
            for count, frame in enumerate(_decoded(container, stream, error_type)):
                if stamps is None or frame.pts is None:
                    yield count, frame
                else:
                    yield int(np.searchsorted(stamps, frame.pts, side='right')) - 1, frame


def _decoded(container, stream, error_type) -> Iterator:
    """Frames of a stream; packets that are damaged are passed over."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            frames = [] if packet is None else packet.decode()
        except error_type:
            continue
        if packet is None:
            return
        yield from frames


def _upright(frame, like: Optional[np.ndarray]) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a PyAV frame, turned and mirrored as its display matrix says.

    Args:
        frame (av.VideoFrame): The frame.
        like (np.ndarray, optional): An earlier result, whose size this one shall have.
    """
    a, b, c, d = _display_matrix(frame)  # (x, y) is shown at (a x + c y, b x + d y)
    turned = abs(a) < abs(b)
    size = {}
    if like is not None:
        height, width = like.shape[1::-1] if turned else like.shape[:2]
        if (frame.height, frame.width) != (height, width):
            size = dict(height=height, width=width)
    picture = frame.to_ndarray(format='rgb24', **size)
    if turned:
        picture = picture.transpose(1, 0, 2)
    if (c if turned else a) < 0:
        picture = picture[:, ::-1]
    if (b if turned else d) < 0:
        picture = picture[::-1]
    return np.ascontiguousarray(picture)


def _display_matrix(frame) -> tuple:
    """Linear part (a, b, c, d) of how the frame is to be shown."""
    data = frame.side_data.get('DISPLAYMATRIX')
    if data is None:
        return 1, 0, 0, 1
    return tuple(np.frombuffer(data, dtype=np.int32)[[0, 1, 3, 4]].tolist())


def _take(frames: Iterator[np.ndarray], count: int) -> np.ndarray:
    run = list(islice(frames, count))
    return np.stack(run) if run else np.empty(0)
