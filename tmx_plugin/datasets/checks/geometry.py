# SPDX-License-Identifier: Apache-2.0
"""Whether the lengths of feature files agree with durations, stride and fps.

Naming: T features of a file (after ``sample_stride``), one every ``feature_stride`` frames, the
first centred at ``offset_frames``; the last clip reaches as far behind its centre.
"""

from dataclasses import replace

import numpy as np

from ...structures.video_time import VideoTime
from ...utils.names import some
from .findings import Finding

#: Part of the duration by which the features may cover more or less than the video ...
TOLERANCE = 0.05
#: ... beside this many strides and one clip, which extractors add or drop at the ends.
EDGE_STRIDES = 2
#: Part by which the median video may be off: 24 fps for 25, or 30 for 29, hides in the above.
DRIFT = 0.01
#: The median is taken over videos longer than this many features, if there are so many of them.
DRIFT_LENGTH, DRIFT_VIDEOS = 100, 5
COMMON_FPS = (5, 6, 10, 12, 12.5, 15, 20, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 90, 100, 120)


def length_findings(
    data_list, lengths: dict, *, sample_stride: int = 1, widths=None, layout: str = 'tc'
) -> list:
    """Compare what the features of each video cover with its duration.

    If most of the videos disagree, stride or fps must be wrong: an error, with what would fit.
    Single videos that disagree are a warning, and so is a small error that most of them share.

    Args:
        data_list (list[dict]): Videos, as :class:`TALDataset` describes them.
        lengths (dict[str, int]): T of the videos, by their name; of some may be unknown.
        sample_stride (int): Every how many rows of a file are used.
        widths (dict[str, int], optional): Number of channels, by video, to recognize files that
            are stored the other way round.
        layout (str): How the files are read, ``'tc'`` or ``'ct'``.

    Returns:
        list[Finding]: One error, or up to two warnings.
    """
    infos = [info for info in data_list if info['video_id'] in lengths]
    if not infos:
        return []
    length = np.array([lengths[info['video_id']] for info in infos], dtype=np.float64)
    time = VideoTime(
        *(
            np.array([info[key] for info in infos], dtype=np.float64)
            for key in ('feature_stride', 'offset_frames', 'fps', 'duration')
        )
    )
    off = ~fits(length, time)
    drift = _drift_findings(length, time, sample_stride)
    if not off.any():
        return drift
    worst = int(np.argmax(np.abs(np.log(time.extent(length) / time.duration)) * off))
    names = [info['video_id'] for info, wrong in zip(infos, off) if wrong]
    message = (
        f'the features of {len(names)} of {len(infos)} videos do not fit their duration '
        f'(tolerance {TOLERANCE:.0%}, {EDGE_STRIDES} strides and a clip): '
        f'expected about {time.expected_length()[worst]:.0f} '
        f'features of video {infos[worst]["video_id"]!r} ({time.duration[worst]:g} s, '
        f'{time.fps[worst]:.4g} fps, feature_stride {time.feature_stride[worst]:g}), found '
        f'{length[worst]:.0f}'
    )
    if 2 * len(names) <= len(infos):
        return [Finding('warning', 'length', f'{message}. Also {some(names, 5)}', names), *drift]
    if widths and all(info['video_id'] in widths for info in infos):
        width = np.array([widths[info['video_id']] for info in infos], dtype=np.float64)
        if _most(fits(width, time)):
            stored, other = ('(C, T)', 'ct') if layout == 'tc' else ('(T, C)', 'tc')
            message += f'. The files look stored as {stored}: try layout={other!r}'
            return [Finding('error', 'length', message, names)]
    advice = advise(length, time, sample_stride)
    return [Finding('error', 'length', f'{message}. {advice}', names)]


def _drift_findings(length, time: VideoTime, sample_stride) -> list:
    """Warning about a stride or fps that is wrong by little; of arrays (V,)."""
    fps, stride, frames = time.fps, time.feature_stride, time.duration * time.fps
    # Clips lie inside the video, or there is one every stride up to its end.
    ends = np.stack([time.extent_frames(length), length * stride])
    ratio = np.clip(frames, ends.min(0), ends.max(0)) / frames
    long = length > DRIFT_LENGTH
    if long.sum() < DRIFT_VIDEOS or abs(np.median(ratio[long]) - 1) <= DRIFT:
        return []
    ratio = ends[0] / frames  # by the clip's length, as far as offset_frames tells it
    fitting_fps = _near(np.median((fps * ratio)[long]), COMMON_FPS, DRIFT / 2)
    fitting_stride = np.median((stride / ratio)[long]) / sample_stride
    return [
        Finding(
            'warning',
            'length',
            'the features cover '
            f'{np.median(ratio[long]):.1%} of the duration of the median video (of '
            f'{long.sum()} with more than {DRIFT_LENGTH} features, tolerance {DRIFT:.0%}): '
            f'fps={fitting_fps:.4g} (now {np.median(fps[long]):.4g}) or '
            f'feature_stride={fitting_stride:.4g} (now '
            f'{np.median(stride[long]) / sample_stride:.4g}) would fit',
        )
    ]


def stream_findings(file_lengths: dict) -> list:
    """Warning about videos whose files, such as rgb and flow, have very different lengths.

    The shorter ones are stretched to the longest: right if they cover the same time.

    Args:
        file_lengths (dict[str, list[int]]): T of all files of a video, by its name.

    Returns:
        list[Finding]: None or one.
    """
    odd = {
        name: found
        for name, found in file_lengths.items()
        if max(found) - min(found) > TOLERANCE * max(found) + EDGE_STRIDES
    }
    if not odd:
        return []
    worst = min(odd, key=lambda name: min(odd[name]) / max(odd[name]))
    return [
        Finding(
            'warning',
            'length',
            f'the files of {len(odd)} videos differ in length, and '
            'the shorter ones will be stretched: expected about one length (tolerance '
            f'{TOLERANCE:.0%} and {EDGE_STRIDES} features), found '
            f'{" and ".join(map(str, odd[worst]))} features of video {worst!r}',
            list(odd),
        )
    ]


def fits(length, time: VideoTime) -> np.ndarray:
    """Which videos' features cover their duration, within the tolerance."""
    edge = time.extent(EDGE_STRIDES + 1)
    return np.abs(time.extent(length) - time.duration) <= TOLERANCE * time.duration + edge


def advise(length, time: VideoTime, sample_stride=1) -> str:
    """What stride or fps would fit the features of most videos; of arrays (V,)."""
    if (
        len(length) > 1
        and np.ptp(length) == 0
        and np.ptp(time.duration) > TOLERANCE * time.duration.max()
    ):
        return (
            f'All of them have the length {length[0]:.0f}: features that were resized to one '
            'length have no fixed stride; extract them at one'
        )
    options = {}
    several = length > 1
    if several.any():
        span = time.duration * time.fps - 2 * time.offset_frames  # first to last centre
        exact = np.median((span / (length - 1))[several])
        whole = max(round(exact), 1)
        fitting = _near(exact, [whole])
        if fitting > 0 and _most(fits(length, replace(time, feature_stride=fitting))):
            options[f'feature_stride={fitting / sample_stride:.4g}'] = fitting == whole
    exact = np.median(time.extent_frames(length) / time.duration)
    fitting = _near(exact, COMMON_FPS)
    if fitting > 0 and _most(fits(length, replace(time, fps=fitting))):
        options[f'fps={fitting:.4g}'] = fitting in COMMON_FPS
    # Where one of them is a usual number and the other is not, it is the one.
    usual = [words for words, is_usual in options.items() if is_usual] or list(options)
    if usual:
        return ' or '.join(usual) + ' would fit'
    return (
        'No single feature_stride or fps would fit; are these the features of these videos, '
        'and are the durations right?'
    )


def _most(fitting) -> bool:
    return bool(np.mean(fitting) >= 0.9)


def _near(value: float, candidates, within: float = 0.02) -> float:
    """The nearest candidate if it is within that part, else the value."""
    nearest = min(candidates, key=lambda candidate: abs(candidate - value))
    return float(nearest) if abs(value / nearest - 1) < within else float(value)
