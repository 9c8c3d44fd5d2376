# SPDX-License-Identifier: Apache-2.0
"""Which frames a video file shows, and when: read from its packets, without decoding."""

import logging
import shlex
from dataclasses import dataclass
from typing import Optional

import numpy as np
from mmengine.logging import print_log

from ..errors import DataError, MissingPackageError

#: Part of a frame by which time stamps may be off the regular grid of a constant rate.
JITTER = 0.75
#: Part of the length in the header by which a file may be shorter before that is worth a warning.
CUT_OFF = 0.03
#: Containers whose header says how long the file is; of others FFmpeg estimates it.
KEEPS_LENGTH = {'matroska', 'mov', 'avi', 'flv'}


def import_av():
    """The package PyAV.

    Raises:
        MissingPackageError: Not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingPackageError(
            'reading videos needs PyAV: pip install "tmx_plugin[video]"'
        ) from error
    return av


@dataclass(frozen=True)
class VideoIndex:
    """The frames that a video file shows, in the order in which it shows them.

    Attributes:
        path (str): The file.
        stream (int): Number of the stream that is read: the default one, as players choose it.
        fps (float): Frames a second: the rate of the file where it is constant, else that of
            nine of ten frames or, failing that, the average.
        times (np.ndarray): (n,) float64, seconds from the first frame, ascending.
        stamps (np.ndarray | None): (n,) int64, time stamps in the unit of the stream, by which
            decoded frames are recognized; None where the file has none.
        duration (float): Seconds, the time of the last frame included.
        varies (bool): Whether the frame rate varies.
    """

    path: str
    stream: int
    fps: float
    times: np.ndarray
    stamps: Optional[np.ndarray]
    duration: float
    varies: bool

    def __len__(self) -> int:
        return len(self.times)


def read_video_index(path) -> VideoIndex:
    """Find out which frames a video file shows.

    Logs a warning if the file has several video streams, is cut off or has a varying frame rate.

    Args:
        path (str | Path): The video file.

    Raises:
        MissingPackageError: PyAV is not installed.
        DataError: The file has no video that can be decoded. The message has the command that
            mends the file, if there is one.
    """
    av, path = import_av(), str(path)
    try:
        with _open(path) as container:
            stream = _default_stream(container, path)
            index, end = _index(container, stream, path)
            _warn(index, container, stream, end)
            return index
    except (av.FFmpegError, OSError) as error:
        raise DataError(f'{path}: cannot be read as a video ({_reason(error)})') from error


def open_stream(index: VideoIndex):
    """Open the file for decoding: PyAV's container and stream. Close the container after use."""
    container = _open(index.path)
    stream = container.streams[index.stream]
    stream.thread_type = 'AUTO'
    return container, stream


def _open(path: str):
    """PyAV's container of a file, whose metadata may hold any bytes."""
    av = import_av()
    # PyAV 19 has no option for them any more: it replaces what is no text.
    before_19 = int(av.__version__.partition('.')[0]) < 19
    return av.open(path, **(dict(metadata_errors='ignore') if before_19 else {}))


def mend_command(path: str, codec: str = '-c copy', suffix: str = '.mkv') -> str:
    """The ffmpeg command that writes a file anew, with its audio left out."""
    target = f'{path.rpartition(".")[0] or path}.mended{suffix}'
    return f'ffmpeg -i {shlex.quote(path)} -an {codec} {shlex.quote(target)}'


def _default_stream(container, path: str):
    stream = container.streams.best('video')
    if stream is None or _is_cover(stream):
        kinds = sorted({each.type for each in container.streams}) or ['nothing']
        raise DataError(
            f'{path}: expected a video stream, found {" and ".join(kinds)}'
            + (' with a cover picture' if stream is not None else ' only')
        )
    try:
        if stream.codec_context is not None:
            return stream
    except (ValueError, AttributeError):
        pass
    command = mend_command(path, '-c:v libx264 -crf 18', '.mp4')
    raise DataError(
        f'{path}: the installed PyAV cannot decode its video codec; convert it: {command}'
    )


def _index(container, stream, path: str) -> tuple:
    """The index, and the second at which the last packet of any stream ends."""
    stamps, decode_stamps, last_length, end = [], [], 0, 0.0
    start = (container.start_time or 0) / 1e6
    try:
        for packet in container.demux():
            if packet.pts is not None:
                length = packet.duration or 0
                end = max(end, float((packet.pts + length) * packet.time_base) - start)
            # An edit list leaves out some packets; the last packet of a stream is empty.
            if packet.stream_index == stream.index and packet.size and not packet.is_discard:
                stamps.append(packet.pts)
                decode_stamps.append(packet.dts)
                last_length = packet.duration or last_length
    except import_av().FFmpegError as error:
        print_log(
            f'{path}: damaged after {len(stamps)} frames ({_reason(error)})',
            'current',
            logging.WARNING,
        )
    if not stamps:
        raise DataError(f'{path}: expected a video with frames, found none')
    known = _sorted_stamps(stamps)
    order = known if known is not None else _sorted_stamps(decode_stamps)
    nominal = [float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate]
    if order is None:
        times = np.arange(len(stamps)) / (nominal or [25.0])[0]
    else:
        times = (order - order[0]) * float(stream.time_base)
    fps = _constant_rate(times, nominal)
    if fps is not None:
        return VideoIndex(path, stream.index, fps, times, known, len(times) / fps, False), end
    last = last_length * float(stream.time_base) or float(np.median(np.diff(times)))
    duration = float(times[-1] + last)
    fps = _usual_rate(times, nominal) or len(times) / duration
    return VideoIndex(path, stream.index, fps, times, known, duration, True), end


def _sorted_stamps(stamps: list) -> Optional[np.ndarray]:
    """(n,) time stamps in ascending order; None if some are missing or occur twice."""
    if None in stamps:
        return None
    unique = np.unique(np.array(stamps, dtype=np.int64))
    return unique if len(unique) == len(stamps) else None


def _constant_rate(times: np.ndarray, nominal: list) -> Optional[float]:
    """The frame rate that puts every frame at its time, None if there is none.

    Args:
        times (np.ndarray): (n,) seconds, the first one 0.
        nominal (list[float]): Rates that the file claims; the measured one is tried last.
    """
    count = len(times)
    if count == 1:
        return (nominal or [25.0])[0]
    numbers = np.arange(count)
    for rate in [*nominal, (count - 1) / times[-1]]:
        if np.abs(times * rate - numbers).max() <= JITTER:
            return float(rate)
    return None


def _usual_rate(times: np.ndarray, nominal: list) -> Optional[float]:
    """The rate that nine of ten frames keep to, such as that of a recording with gaps."""
    gaps = np.diff(times)
    usual = float(np.median(gaps))
    if np.mean(np.abs(gaps - usual) <= 0.1 * usual) < 0.9:
        return None
    return next((rate for rate in nominal if abs(rate * usual - 1) < 0.02), 1 / usual)


def _warn(index: VideoIndex, container, stream, end: float) -> None:
    warnings = []
    videos = [each for each in container.streams.video if not _is_cover(each)]
    if len(videos) > 1:
        warnings.append(
            f'has {len(videos)} video streams; reading stream {index.stream}, the default one'
        )
    if index.varies:
        gaps = np.diff(index.times)
        warnings.append(
            f'its frame rate varies between {1 / gaps.max():.4g} and '
            f'{1 / gaps.min():.4g}; frames are placed by their time stamps, '
            f'{index.fps:.4g} a second'
        )
    claimed = (container.duration or 0) / 1e6
    if KEEPS_LENGTH & {*container.format.name.split(',')} and (
        end < (1 - CUT_OFF) * claimed - 1 / index.fps
    ):
        warnings.append(
            f'ends after {end:.2f} of the {claimed:.2f} s that its header announces; '
            'what is there is used. To write a right header: '
            f'{mend_command(index.path)}'
        )
    for warning in warnings:
        print_log(f'{index.path}: {warning}', 'current', logging.WARNING)


def _is_cover(stream) -> bool:
    return bool(stream.disposition & stream.disposition.attached_pic)


def _reason(error: Exception) -> str:
    text = getattr(error, 'strerror', None) or str(error).strip() or type(error).__name__
    return text.splitlines()[0]
