# SPDX-License-Identifier: Apache-2.0
"""Detections as ActivityNet json, the format that evaluation tools and viewers share."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tmx_plugin.utils.files import atomic_write

from ..errors import DataError
from ..utils.text_files import is_finite, read_json
from .checked import require_finite


def to_detections(segments: Any, scores: Any, labels: Any, classes: Any) -> list:
    """One video's predictions as the list that all exporters take.

    Args:
        segments (array-like): (M, 2) start and end in seconds.
        scores (array-like): (M,).
        labels (array-like): (M,) int, index into ``classes``.
        classes (Sequence[str]): Class names.

    Returns:
        list[dict]: ``{'label': name, 'score': float, 'segment': [start, end]}``, seconds.
    """
    return [
        dict(label=classes[label], score=score, segment=segment)
        for segment, score, label in zip(
            np.asarray(segments, np.float64).tolist(),
            np.asarray(scores, np.float64).tolist(),
            np.asarray(labels).tolist(),
        )
    ]


def write_activitynet(detections: Mapping, path: str | Path, version: str = 'VERSION 1.3') -> Path:
    """Write the detections of many videos.

    Args:
        detections (Mapping): ``{video: [{'label', 'score', 'segment'}]}``, seconds.
        path (str | Path): The .json file.
        version (str): The file's ``version`` field.

    Returns:
        Path: ``path``.

    Raises:
        DataError: If a time or score is not finite.
    """
    require_finite(detections)
    with atomic_write(path) as file:
        # One video after the other: a mapping may read them from a disk.
        file.write(f'{{"version": {json.dumps(version)}, "results": {{')
        for number, (video, items) in enumerate(detections.items()):
            file.write(', ' * bool(number))
            file.write(f'{json.dumps(video)}: {json.dumps(items, allow_nan=False)}')
        file.write('}, "external_data": {}}')
    return Path(path)


def read_activitynet(path: str | Path) -> dict:
    """Read detections in ActivityNet json.

    Args:
        path (str | Path): A file with ``{'results': {video: [{'label', 'score', 'segment'}]}}``.

    Returns:
        dict: ``{video: [{'label': str, 'score': float, 'segment': [start, end]}]}``, seconds.

    Raises:
        MissingFileError: There is no such file.
        DataError: If the file is not of this format; says where, what was expected and found.
    """
    content = read_json(path)
    results = content.get('results') if isinstance(content, dict) else None
    if not isinstance(results, dict):
        raise DataError(f'{path}: expected "results", an object with a list per video')
    return {
        video: check_detections(items, f'{path}: video {video!r}')
        for video, items in results.items()
    }


def check_detections(items: Any, where: str) -> list:
    """Detections of one video from a json, as :func:`read_activitynet` returns them.

    Raises:
        DataError: They are not of that form; the message begins with ``where``.
    """
    if not isinstance(items, list):
        raise DataError(f'{where}: expected a list of detections, found {type(items).__name__}')
    result = []
    for number, item in enumerate(items):
        segment = item.get('segment') if isinstance(item, dict) else None
        good = (
            isinstance(segment, list)
            and len(segment) == 2
            and all(is_finite(x) for x in [*segment, item.get('score')])
            and isinstance(item.get('label'), str)
        )
        if not good:
            raise DataError(
                f'{where}: expected label, score and segment [start, end] in '
                f'detection {number}, found {item!r:.200}'
            )
        result.append(
            dict(
                label=item['label'],
                score=float(item['score']),
                segment=[float(x) for x in item['segment']],
            )
        )
    return result
