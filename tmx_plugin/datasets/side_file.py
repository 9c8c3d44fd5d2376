# SPDX-License-Identifier: Apache-2.0
"""The side file ``NAME.json`` of a feature file ``NAME.npy``: how its features were made.

An object with, where known, ``fps``, ``frames`` and ``duration`` (seconds) of the video as it was
read, ``stride`` and ``clip_len`` (frames), ``length`` T and ``channels`` C; other keys are for the
record. Feature extraction writes it; data sets, inference and the converter of annotations read it.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Optional

from ..errors import DataError, FormatError
from ..utils.files import atomic_write
from ..utils.text_files import is_finite, read_json

#: Keys whose values, where there are any, are positive numbers.
NUMBERS = ('fps', 'duration', 'frames', 'stride', 'clip_len', 'length', 'channels')
# Rates differ in the third digit between sources (29.97 or 30; frames over a rounded duration).
FPS_TOLERANCE = 0.01


def side_file_of(path) -> Path:
    """Path of the side file of a feature file, whether or not it exists.

    >>> side_file_of('features/a.b.npy').name
    'a.b.json'
    """
    return Path(path).with_suffix('.json')


def write_side_file(path, content: Mapping) -> None:
    """Write the side file of the feature file ``path``."""
    with atomic_write(side_file_of(path)) as file:
        json.dump(content, file, indent=2)
        file.write('\n')


def read_side_file(path) -> Optional[dict]:
    """What the side file of the feature file ``path`` says; None without one.

    Raises:
        FormatError: It is no json object, or a number in it is none or not positive.
    """
    side = side_file_of(path)
    if not side.is_file():
        return None
    content = read_json(side)
    if not isinstance(content, dict):
        raise FormatError(side, 'an object', type(content).__name__)
    for key in NUMBERS:
        if key in content and not (is_finite(content[key]) and content[key] > 0):
            raise FormatError(side, f'a positive number as "{key}"', repr(content[key])[:80])
    return content


def side_file_conflicts(
    info: Mapping, *, feature_stride: float, offset_frames: float
) -> Iterator[str]:
    """Where the side files of a video contradict the configuration, a sentence each.

    Args:
        info (Mapping): The video, with ``video_id``, ``feature_paths`` and ``fps``.
        feature_stride (float): Frames between features of the files.
        offset_frames (float): Half the clip's length, in frames.

    Raises:
        FormatError: As :func:`read_side_file`.
    """
    for path in info['feature_paths']:
        content = read_side_file(path) or {}
        for key, name, value, tolerance in (
            ('stride', 'feature_stride', feature_stride, 0),
            ('clip_len', '2 x offset_frames', 2 * offset_frames, 0),
            ('fps', 'fps', info['fps'], FPS_TOLERANCE),
        ):
            found = content.get(key)
            if found is not None and abs(found - value) > tolerance * value:
                yield (
                    f'{side_file_of(path)}: video {info["video_id"]!r}: the features were '
                    f'extracted with {key} {found}, expected {name} {value:g} of the '
                    'configuration'
                )


def check_side_files(info: Mapping, *, feature_stride: float, offset_frames: float) -> None:
    """Raise the first of :func:`side_file_conflicts`.

    Raises:
        DataError: A side file contradicts the configuration, or is not as it should be.
    """
    for text in side_file_conflicts(
        info, feature_stride=feature_stride, offset_frames=offset_frames
    ):
        raise DataError(text)
