# SPDX-License-Identifier: Apache-2.0
"""The one annotation document that every reader of a foreign format makes.

On disk it is json::

    {"version": "...",
     "database": {VIDEO: {"subset": "training",
                          "duration": 33.7,          seconds
                          "frame": 1012,             optional: length in frames
                          "fps": 30.0,               optional
                          "annotations": [{"label": "Jump", "segment": [0.2, 1.1]}]}}}

with segments in seconds, beside an ordered class list with one name a line.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tmx_plugin.utils.files import atomic_write

from ...errors import FormatError
from ...structures.annotations import odd_segments
from ...utils.names import some
from ...utils.text_files import is_finite
from ..annotations import IGNORED_LABELS, read_class_list

REVERSED_CHOICES = ('error', 'keep', 'drop')


@dataclass
class AnnotationDocument:
    """Annotations of a data set.

    Attributes:
        database (dict[str, dict]): Videos by name, as in the module's json.
        classes (list[str]): Class names in order, without 'Ambiguous'.
        notes (list[str]): What a user should know about the conversion.
    """

    database: dict = field(default_factory=dict)
    classes: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def add_video(self, name, *, subset, duration, frame=None, fps=None, source) -> dict:
        """Add a video (or return it where it is known already).

        Raises:
            FormatError: If a value is missing or senseless, or the video is known with another
                subset.
        """
        known = self.database.get(name)
        if known is not None:
            if known['subset'] != subset:
                raise FormatError(
                    source, f'one subset (it was in {known["subset"]!r} before)', repr(subset), name
                )
            return known
        if not (isinstance(subset, str) and subset):
            raise FormatError(source, 'a subset name', repr(subset), name)
        video = {
            'subset': subset,
            'duration': positive(duration, 'a duration in seconds', source, name),
        }
        if frame is not None:
            video['frame'] = int(positive(frame, 'a length in frames', source, name))
        if fps is not None:
            video['fps'] = positive(fps, 'frames a second', source, name)
        video['annotations'] = []
        self.database[name] = video
        return video

    def add_segment(self, name, label, start, end, *, source, on_reversed='error'):
        """Add a segment in seconds to a known video; blanks around its label are taken off.

        Args:
            on_reversed (str): What becomes of a segment that ends before it starts: 'error',
                'keep' or 'drop'.

        Raises:
            FormatError: If the label or a time is of the wrong type, a time is not finite or
                negative, or the segment is reversed and that is an error.
        """
        if not (isinstance(label, str) and label.strip()):
            raise FormatError(source, 'a label (a name that is not empty)', repr(label), name)
        label = label.strip()
        if len(label.splitlines()) > 1:  # a class list has one name a line
            raise FormatError(source, 'a label of one line', repr(label), name)
        if not all(is_finite(time) and time >= 0 for time in (start, end)):
            raise FormatError(
                source,
                f'times of {label!r} in seconds that are finite and not negative',
                repr([start, end]),
                name,
            )
        if end < start:
            if on_reversed == 'error':
                raise FormatError(
                    source,
                    f'a segment of {label!r} whose end is not before its start',
                    repr([start, end]),
                    name,
                )
            if on_reversed == 'drop':
                return
        self.database[name]['annotations'].append({'label': label, 'segment': [start, end]})

    def labels(self) -> set:
        """Names in use, without 'Ambiguous'."""
        return {
            item['label'] for video in self.database.values() for item in video['annotations']
        } - set(IGNORED_LABELS)

    def set_classes(self, path, source, *, default=None):
        """Fix the order of the classes.

        Args:
            path (str | Path, optional): A class list, one name a line.
            source (str | Path): The file that the annotations come from.
            default (Sequence[str], optional): The classes where there is no ``path``; default:
                the labels in use, by name.

        Raises:
            FormatError: If a label in use is not among them.
        """
        if path is not None:
            self.classes = list(read_class_list(path))
        else:
            self.classes = list(default) if default is not None else sorted(self.labels())
        known = set(self.classes) | set(IGNORED_LABELS)
        for name, video in self.database.items():
            for item in video['annotations']:
                if item['label'] not in known:
                    raise FormatError(
                        source,
                        f'one of the {len(self.classes)} class names',
                        repr(item['label']),
                        name,
                    )

    def counts(self) -> dict:
        """``{subset: (videos, segments without 'Ambiguous')}``."""
        videos = Counter(video['subset'] for video in self.database.values())
        segments = Counter(
            video['subset']
            for video in self.database.values()
            for item in video['annotations']
            if item['label'] not in IGNORED_LABELS
        )
        return {subset: (videos[subset], segments[subset]) for subset in videos}

    def late_segments(self) -> tuple[int, int]:
        """Segments that start at or after the end of their video, and all segments."""
        segments = [
            item['segment'][0] >= video['duration']
            for video in self.database.values()
            for item in video['annotations']
        ]
        return sum(segments), len(segments)

    def note_oddities(self):
        """Note segments that are legal but will match no point, or not as drawn."""
        found: dict = {}
        for name, video in self.database.items():
            segments = np.array([item['segment'] for item in video['annotations']])
            for words, odd in odd_segments(segments, video['duration']).items():
                found.setdefault(words, []).extend([name] * int(odd.sum()))
        self.notes += [
            f'{len(names)} segments {words} (in {some(names, 5)})'
            for words, names in found.items()
            if names
        ]


def positive(value, what: str, source, video) -> float:
    """``value`` as a float, which must be a finite number above zero.

    Raises:
        FormatError: If it is not.
    """
    if not is_finite(value) or value <= 0:
        raise FormatError(source, f'{what} above 0', repr(value)[:80], video)
    return float(value)


def write_document(document: AnnotationDocument, path, *, classes_path=None, version='') -> None:
    """Write the json and the class list (default: ``classes.txt`` beside it)."""
    path = Path(path)
    with atomic_write(path) as file:
        json.dump({'version': version, 'database': document.database}, file, ensure_ascii=False)
        file.write('\n')
    if document.classes:
        with atomic_write(classes_path or path.with_name('classes.txt')) as file:
            file.write('\n'.join(document.classes) + '\n')
