# SPDX-License-Identifier: Apache-2.0
"""Ego4D: moment queries (``moments_*.json``) and GoalStep (``goalstep_*.json``), as downloaded.

Moment queries are annotated in clips of a video, by several annotators; labels marked ``primary``
are the benchmark's. GoalStep's steps may hold substeps, which count as well.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Callable, Optional

from ...errors import FormatError
from ...utils.text_files import read_json
from .assemble import VideoEntry, assemble
from .document import AnnotationDocument
from .fields import expect

SUBSETS: dict = {'train': 'training', 'val': 'validation'}


def read_ego4d_mq(
    sources: Sequence,
    *,
    videos=None,
    classes=None,
    split: Optional[Callable] = None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Read moment queries: a video is a clip, named by its ``clip_uid``, with primary labels.

    The same segment by several annotators is kept once.

    Args:
        sources (Sequence[str | Path]): ``moments_train.json`` and so on.
        videos, classes, split, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file is not of this format.
    """
    entries = []
    for path in sources:
        for video in _videos(path, 'clips'):
            for clip in video['clips']:
                entries.append(_clip(path, video, clip))
    return assemble(entries, videos=videos, split=split, classes=classes, on_reversed=on_reversed)


def read_goalstep(
    sources: Sequence,
    *,
    videos=None,
    classes=None,
    split: Optional[Callable] = None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Read GoalStep: steps and substeps by their ``step_category``.

    Args:
        sources (Sequence[str | Path]): ``goalstep_train.json`` and so on; the name tells the
            subset where the file does not.
        videos (VideoInfo): Durations, which the files lack.
        classes, split, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file is not of this format.
    """
    entries: dict = {}
    for path in sources:
        subset = next((name for key, name in SUBSETS.items() if key in Path(path).stem), None)
        for video in _videos(path, 'segments'):
            name = _get(video, 'video_uid', path, kind=str)
            own = _get(video, 'split', path, name, kind=str) if video.get('split') else None
            entry = entries.setdefault(
                name, VideoEntry(name, str(path), subset=SUBSETS.get(own, subset))
            )
            _add_steps(entry, video['segments'], path)
    return assemble(
        entries.values(), videos=videos, split=split, classes=classes, on_reversed=on_reversed
    )


def _videos(path, key: str):
    content = read_json(path)
    listed = content.get('videos') if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise FormatError(
            path,
            f'an object with a list "videos", each with "{key}"',
            sorted(content)[:5] if isinstance(content, dict) else type(content),
        )
    for video in listed:
        if not isinstance(video, dict) or not isinstance(video.get(key), list):
            raise FormatError(path, f'videos with a list "{key}"', repr(video)[:80])
        yield video


def _clip(path, video, clip) -> VideoEntry:
    name = _get(clip, 'clip_uid', path, kind=str)
    start, end = (
        _get(clip, key, path, name, kind=(int, float))
        for key in ('video_start_sec', 'video_end_sec')
    )
    subset = _get(video, 'split', path, name, kind=str) if video.get('split') else None
    entry = VideoEntry(
        name, str(path), facts=dict(duration=end - start), subset=SUBSETS.get(subset, subset)
    )
    found: dict[tuple, None] = {}
    for annotation in _list(clip, 'annotations', path, name):
        for label in _list(annotation, 'labels', path, name):
            segment = _segment(label, 'label', path, name)
            if label.get('primary', True):
                found[segment] = None
    entry.segments = sorted(found, key=lambda segment: segment[1:])
    return entry


def _add_steps(entry: VideoEntry, steps: list, path) -> None:
    for step in steps:
        entry.segments.append(_segment(step, 'step_category', path, entry.name))
        _add_steps(entry, _list(step, 'segments', path, entry.name), path)


def _segment(item, label: str, path, name: str) -> tuple:
    times = (_get(item, key, path, name, kind=(int, float)) for key in ('start_time', 'end_time'))
    return (_get(item, label, path, name, kind=str), *times)


def _get(item, key: str, path, name=None, *, kind):
    if not isinstance(item, dict) or item.get(key) is None:
        raise FormatError(path, f'"{key}"', repr(item)[:80], name)
    wanted = 'a text' if kind is str else 'a number'
    return expect(item[key], kind, f'{wanted} as "{key}"', path, name)


def _list(item, key: str, path, name: str) -> list:
    expected = f'an object with a list "{key}"'
    found = expect(item, dict, expected, path, name).get(key)
    return [] if found is None else expect(found, list, expected, path, name)
