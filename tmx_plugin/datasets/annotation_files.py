# SPDX-License-Identifier: Apache-2.0
"""Reading of annotation files, with every value checked.

The format is the ActivityNet style json, times in seconds::

    {"version": "1.0",
     "database": {
        "VIDEO": {"subset": "training", "duration": 33.73, "frame": 1012, "fps": 30.0,
                  "annotations": [{"label": "CricketBowling", "segment": [0.2, 1.1]}]}}}

``frame`` (number of frames) and ``fps`` are optional. Further keys are ignored, so files in the
styles of ActivityNet, OpenTAD and ActionFormer (``label_id``, ``segment(frames)``) are read too.
"""

from pathlib import Path

import numpy as np

from ..errors import DataError, MissingFileError
from ..structures.annotations import (
    IGNORED_LABELS,
    VideoAnnotation,
    canonical_subset,
    match_subsets,
)
from ..utils.names import some
from ..utils.text_files import is_finite, read_json, read_text

__all__ = [
    'IGNORED_LABELS',
    'VideoAnnotation',
    'canonical_subset',
    'match_subsets',
    'read_annotations',
    'read_class_list',
    'resolve_classes',
    'sorted_labels',
]


def read_annotations(path, hint: str = '', facts=None) -> list:
    """Read and check an annotation file.

    Args:
        path (str | Path): The json file.
        hint (str): Sentence added where the file is missing, which says where to get it.
        facts (Mapping, optional): ``duration``, ``frame`` and ``fps`` of videos for which the
            file has no duration.

    Returns:
        list[VideoAnnotation]: All videos, in the order of the file.

    Raises:
        MissingFileError: There is no such file.
        DataError: The file is no json or some value in it is missing, of a wrong type, not
            finite or out of range.
    """
    return [
        _parse_video(path, name, _filled(entry, name, facts))
        for name, entry in _read_database(path, hint).items()
    ]


def read_class_list(path, hint: str = '') -> tuple:
    """Read an ordered class list: a text file with one name a line.

    Args:
        path (str | Path): The text file; blank lines at its end are ignored.
        hint (str): Sentence added where the file is missing.

    Returns:
        tuple[str]: Names in the order of the labels.

    Raises:
        MissingFileError: There is no such file.
        DataError: The list is empty, or has a blank line or a name twice.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(
            f'{path}: class list not found (text, one name a line, in the order of the labels). '
            f'{hint}'.rstrip()
        )
    names = [line.strip() for line in read_text(path).rstrip().splitlines()]
    if not all(names):
        raise DataError(
            f'{path}: expected one class name a line, found line {names.index("") + 1} blank'
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f'{path}: expected each class once, found {some(map(repr, twice), 5)} more than once'
        )
    return tuple(names)


def resolve_classes(names=None, class_file=None, hint: str = '') -> tuple:
    """Class names in the order of the labels: those given go before those of a file.

    Args:
        names (Sequence[str], optional): Class names.
        class_file (str | Path, optional): See :func:`read_class_list`, as for ``hint``.

    Returns:
        tuple[tuple[str], str]: The names, none where there is neither, and where they come from.

    >>> resolve_classes(['run', 'jump'])
    (('run', 'jump'), 'the classes of metainfo')
    """
    if names:
        return tuple(names), 'the classes of metainfo'
    return (read_class_list(class_file, hint) if class_file else ()), str(class_file)


def sorted_labels(videos) -> tuple:
    """Class list of annotations that come without one: the sorted set of their labels."""
    return tuple(sorted({x for video in videos for x in video.labels} - set(IGNORED_LABELS)))


def _read_database(path, hint: str) -> dict:
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f'{path}: annotation file not found. {hint}'.rstrip())
    try:
        content = read_json(path)
    except DataError as error:
        raise DataError(f'{error} ({_other_format(path)})') from error
    if not isinstance(content, dict) or not isinstance(content.get('database'), dict):
        found = (
            f'keys {some(map(repr, content), 5)}'
            if isinstance(content, dict)
            else type(content).__name__
        )
        raise DataError(
            f'{path}: expected an object with the object "database", found {found} '
            f'({_other_format(path)})'
        )
    if not content['database']:
        raise DataError(f'{path}: expected at least one video, found an empty "database"')
    return content['database']


def _filled(entry, name: str, facts):
    """A video's entry with what is known of it from elsewhere, where it has no duration."""
    if (
        facts is None
        or not isinstance(entry, dict)
        or entry.get('duration') is not None
        or name not in facts
    ):
        return entry
    return {**entry, **facts[name]}


def _other_format(path) -> str:
    """What a file that is no annotation json may be, for a message."""
    return (
        'an incomplete download? If it is of another format, convert it first: '
        f'tools/data/convert_annotations.py auto {path} --out FILE'
    )


def _parse_video(path, name: str, entry) -> VideoAnnotation:
    def fail(expected, found):
        raise DataError(f'{path}: video {name!r}: expected {expected}, found {found!r}')

    if not isinstance(entry, dict):
        fail('an object with "subset", "duration" and "annotations"', entry)
    if not isinstance(entry.get('subset'), str):
        fail('a string as "subset"', entry.get('subset'))
    if not _is_positive(entry.get('duration')):
        fail('a positive number of seconds as "duration"', entry.get('duration'))
    for key, least in (('frame', 1), ('fps', 0)):
        value = entry.get(key)
        if value is not None and not (_is_positive(value) and value >= least):
            fail(f'a positive number as "{key}", if any', value)
    items = _checked_segments(entry.get('annotations', []), fail)
    frame, fps = entry.get('frame'), entry.get('fps')
    return VideoAnnotation(
        video_id=name,
        subset=entry['subset'],
        duration=float(entry['duration']),
        num_frames=None if frame is None else int(frame),
        fps=None if fps is None else float(fps),
        segments_sec=np.array([x['segment'] for x in items], dtype=np.float64).reshape(-1, 2),
        labels=tuple(x['label'] for x in items),
    )


def _checked_segments(items, fail) -> list:
    """The annotations of a video, whose labels and segments are as they have to be."""
    if not isinstance(items, list):
        fail('a list as "annotations"', items)
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get('label'), str):
            fail('annotations with a string as "label"', item)
        segment = item.get('segment')
        if (
            not isinstance(segment, list)
            or len(segment) != 2
            or not all(is_finite(x) and x >= 0 for x in segment)
        ):
            fail('a "segment" of two finite, non-negative times [start, end] in seconds', item)
    return items


def _is_positive(value) -> bool:
    return is_finite(value) and value > 0
