# SPDX-License-Identifier: Apache-2.0
"""From what a reader found in each video to one annotation document."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Callable, Optional

import numpy as np

from ...errors import FormatError
from ...structures.annotations import IGNORED_LABELS, VideoAnnotation
from ...utils.names import some
from ...utils.text_files import is_finite
from ..annotation_files import resolve_classes, sorted_labels
from .document import AnnotationDocument, positive
from .subsets import random_split


@dataclass
class VideoEntry:
    """What a file says of one video.

    Attributes:
        name (str): Name of the video, as its feature file is named.
        source (str): The file, for messages.
        segments (list): ``(label, start, end)`` in seconds, and perhaps the line, for messages.
        facts (dict, optional): ``duration`` in seconds, ``frame`` and ``fps``; None where the file
            has no duration.
        subset (str, optional): None where the file has no subsets.
    """

    name: str
    source: str
    segments: list = field(default_factory=list)
    facts: Optional[dict] = None
    subset: Optional[str] = None


def assemble(
    entries: Iterable[VideoEntry],
    *,
    videos=None,
    split: Optional[Callable] = None,
    note_split: bool = True,
    classes=None,
    default_classes=None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Annotation document of the videos that a reader found.

    Args:
        entries (Iterable[VideoEntry]): The videos; a video may have only one entry.
        videos (VideoInfo, optional): Durations, which go before those of the entries.
        split (Callable, optional): ``split(names) -> {name: subset}`` for entries without a
            subset; default :func:`.subsets.random_split`.
        note_split (bool): Whether to note how many videos were drawn for validation.
        classes (str | Path, optional): Ordered class list.
        default_classes (Sequence[str], optional): Classes where there is no list; default: by name.
        on_reversed (str): What becomes of a segment that ends before it starts: 'error', 'keep'
            or 'drop'.

    Raises:
        FormatError: If a video comes twice, a value is missing or senseless, a segment is reversed
            and that is an error, or a label is not among the classes.
    """
    entries = list(entries)
    if not entries:
        raise FormatError('the sources', 'at least one video', 'none')
    unsplit = [entry.name for entry in entries if not entry.subset]
    subset_by_video = (split or random_split)(unsplit) if unsplit else {}
    found: dict[str, VideoAnnotation] = {}
    for entry in entries:
        if entry.name in found:
            raise FormatError(entry.source, 'each video once', 'it again', entry.name)
        subset = entry.subset or subset_by_video[entry.name]
        found[entry.name] = _video(entry, subset, videos, on_reversed)
    names, _ = resolve_classes(class_file=classes)
    names = names or default_classes or sorted_labels(found.values())
    _check_labels(entries, found, {*names, *IGNORED_LABELS}, len(names))
    document = AnnotationDocument(found, list(names))
    if unsplit and note_split:
        held_out = [name for name in unsplit if subset_by_video[name] == 'validation']
        document.notes.append(
            f'{len(held_out)} of {len(unsplit)} videos without a subset are for '
            'validation' + (f': {some(held_out, 5)}' if held_out else '')
        )
    return document


def entry_of(entries: dict, name: str, path, subset: Optional[str], source: str) -> VideoEntry:
    """The entry of a video that several lines of files may speak of; ``source`` is the line.

    Raises:
        FormatError: If it is known with another subset.
    """
    entry = entries.setdefault(name, VideoEntry(name, str(path)))
    if subset and entry.subset not in (None, subset):
        raise FormatError(
            source, f'one subset (it was in {entry.subset!r} before)', repr(subset), name
        )
    entry.subset = entry.subset or subset or None
    return entry


def _video(entry: VideoEntry, subset, videos, on_reversed: str) -> VideoAnnotation:
    """An entry with all its values checked."""
    name, source, facts = entry.name, entry.source, entry.facts
    if facts is None or (videos is not None and name in videos):
        facts = videos.require(name, source)
    if not isinstance(subset, str):
        raise FormatError(source, 'a subset name', repr(subset), name)
    frame, fps = facts.get('frame'), facts.get('fps')
    segments = [_segment(entry, *segment) for segment in entry.segments]
    for label, start, end, where in segments if on_reversed == 'error' else ():
        if end < start:
            raise FormatError(
                where,
                f'a segment of {label!r} whose end is not before its start',
                repr([start, end]),
                name,
            )
    kept = [x for x in segments if on_reversed == 'keep' or x[1] <= x[2]]
    return VideoAnnotation(
        video_id=name,
        subset=subset,
        duration=positive(facts.get('duration'), 'a duration in seconds', source, name),
        num_frames=frame and int(positive(frame, 'a length in frames', source, name)),
        fps=fps and positive(fps, 'frames a second', source, name),
        segments_sec=np.array([x[1:3] for x in kept], dtype=np.float64).reshape(-1, 2),
        labels=tuple(x[0] for x in kept),
    )


def _segment(entry: VideoEntry, label, start, end, where=None) -> tuple:
    """Label without blanks around it, times and place of a segment."""
    where = where or entry.source
    if not (isinstance(label, str) and label.strip()):
        raise FormatError(where, 'a label (a name that is not empty)', repr(label), entry.name)
    label = label.strip()
    if len(label.splitlines()) > 1:  # a class list has one name a line
        raise FormatError(where, 'a label of one line', repr(label), entry.name)
    if not all(is_finite(time) and time >= 0 for time in (start, end)):
        raise FormatError(
            where,
            f'times of {label!r} in seconds that are finite and not negative',
            repr([start, end]),
            entry.name,
        )
    return label, start, end, where


def _check_labels(entries: list, found: dict, known: set, count: int) -> None:
    for entry in entries:
        for label in found[entry.name].labels:
            if label not in known:
                raise FormatError(
                    entry.source, f'one of the {count} class names', repr(label), entry.name
                )
