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

from ...errors import FormatError
from ...structures.annotations import IGNORED_LABELS, VideoAnnotation, odd_segments
from ...utils.files import atomic_write
from ...utils.names import some
from ...utils.text_files import is_finite
from ..annotation_files import sorted_labels

REVERSED_CHOICES = ('error', 'keep', 'drop')


@dataclass
class AnnotationDocument:
    """Annotations of a data set, as :func:`.assemble.assemble` makes them.

    Attributes:
        videos (dict[str, VideoAnnotation]): Videos by name.
        classes (list[str]): Class names in order, without 'Ambiguous'.
        notes (list[str]): What a user should know about the conversion.
    """

    videos: dict[str, VideoAnnotation]
    classes: list[str]
    notes: list[str] = field(default_factory=list)

    @property
    def database(self) -> dict[str, dict]:
        """Videos by name, as in the module's json."""
        return {name: video.as_json() for name, video in self.videos.items()}

    def labels(self) -> set[str]:
        """Names in use, without 'Ambiguous'."""
        return set(sorted_labels(self.videos.values()))

    def counts(self) -> dict:
        """``{subset: (videos, segments without 'Ambiguous')}``."""
        videos = Counter(video.subset for video in self.videos.values())
        segments = Counter(
            video.subset
            for video in self.videos.values()
            for label in video.labels
            if label not in IGNORED_LABELS
        )
        return {subset: (videos[subset], segments[subset]) for subset in videos}

    def late_segments(self) -> tuple[int, int]:
        """Segments that start at or after the end of their video, and all segments."""
        late = [video.segments_sec[:, 0] >= video.duration for video in self.videos.values()]
        return sum(int(x.sum()) for x in late), sum(map(len, late))

    def note_oddities(self) -> None:
        """Note segments that are legal but will match no point, or not as drawn."""
        found: dict = {}
        for name, video in self.videos.items():
            for words, odd in odd_segments(video.segments_sec, video.duration).items():
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
