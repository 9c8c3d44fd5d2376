# SPDX-License-Identifier: Apache-2.0
"""Detections and ground truth in one json by class and video, as AutoLoc published them.

``{'gt': {class: {video: [[start, end]]}}, 'det': {class: {video: [[start, end, score]]}}}``, where
times are shares of the video's duration (or seconds) and classes are names or numbers.
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional

from ...errors import DataError, FormatError
from ...utils.text_files import is_finite, read_json


class PerClassResults(NamedTuple):
    """Both halves of such a file in the form of this package.

    Attributes:
        database (dict): ``{video: {'subset', 'duration', 'annotations': [...]}}``.
        results (dict): ``{video: [{'label', 'score', 'segment'}]}``.
    """

    database: dict
    results: dict


def read_per_class_json(
    path,
    *,
    classes: Optional[Sequence[str]] = None,
    durations: Optional[dict] = None,
    prefix: str = '',
    subset: str = 'test',
) -> PerClassResults:
    """Read detections and ground truth that are sorted by class and video.

    Args:
        path (str | Path): The json file.
        classes (Sequence[str] | None): Names of the classes that the file numbers from 0; None
            keeps what the file says.
        durations (dict | None): Seconds of each video by name, by which times are multiplied.
            Without them times stay as they are, and a video lasts until its last segment ends,
            at least 1.
        prefix (str): Put before the names of the videos.
        subset (str): Subset of all the videos.

    Returns:
        PerClassResults: Segments in seconds where the durations are given.

    Raises:
        FormatError: The file is not of this form.
        DataError: A class has no name, or a video no duration.
    """
    content = read_json(path)
    halves = [content.get(key) if isinstance(content, dict) else None for key in ('gt', 'det')]
    truth, found = (
        dict(_rows(path, half, size, classes, prefix)) for half, size in zip(halves, (2, 3))
    )
    names = list(dict.fromkeys([*truth, *found]))
    lacking = [name for name in names if durations is not None and name not in durations]
    if lacking:
        raise DataError(f'{path}: video {lacking[0]!r}: expected its duration, found none')
    database, results = {}, {}
    for name in names:
        rows = [*truth.get(name, ()), *found.get(name, ())]
        scale = 1.0 if durations is None else durations[name]
        duration = scale if durations is not None else max(1.0, *(row[1] for _, row in rows))
        database[name] = dict(
            subset=subset,
            duration=duration,
            annotations=[
                dict(label=label, segment=[scale * x for x in row])
                for label, row in truth.get(name, ())
            ],
        )
        results[name] = [
            dict(label=label, score=row[2], segment=[scale * x for x in row[:2]])
            for label, row in found.get(name, ())
        ]
    return PerClassResults(database, results)


def _rows(path, half, size: int, classes, prefix: str):
    """(video, [(label, row)]) in the order of the file, class by class."""
    expected = 'objects "gt" and "det" of classes, of videos, of lists of times'
    if not isinstance(half, dict) or not all(isinstance(x, dict) for x in half.values()):
        raise FormatError(path, expected, f'{half!r:.100}')
    videos: dict[str, list] = {}
    for label, by_video in half.items():
        name = label
        if classes is not None:
            if not (label.isdecimal() and int(label) < len(classes)):
                raise DataError(
                    f'{path}: expected class numbers below {len(classes)}, found {label!r}'
                )
            name = classes[int(label)]
        for video, rows in by_video.items():
            for row in rows if isinstance(rows, list) else [rows]:
                if not (
                    isinstance(row, list) and len(row) == size and all(is_finite(x) for x in row)
                ):
                    raise FormatError(
                        path, f'{size} finite numbers a segment', f'{row!r:.100}', video
                    )
                videos.setdefault(prefix + video, []).append((name, row))
    return videos.items()
