# SPDX-License-Identifier: Apache-2.0
"""From what a reader found in each video to one annotation document."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Callable, Optional

from ...errors import FormatError
from ...utils.names import some
from .document import AnnotationDocument
from .table import random_split


@dataclass
class VideoEntry:
    """What a file says of one video.

    Attributes:
        name (str): Name of the video, as its feature file is named.
        source (str): The file, for messages.
        segments (list): ``(label, start, end)`` in seconds.
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
    videos,
    split: Optional[Callable] = None,
    classes=None,
    default_classes=None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Annotation document of the videos that a reader found.

    Args:
        entries (Iterable[VideoEntry]): The videos; a video may have only one entry.
        videos (VideoInfo, optional): Durations, which go before those of the entries.
        split (Callable, optional): ``split(names) -> {name: subset}`` for entries without a
            subset; default :func:`.table.random_split`.
        classes (str | Path, optional): Ordered class list.
        default_classes (Sequence[str], optional): Classes where there is no list; default: by name.
        on_reversed (str): See :meth:`AnnotationDocument.add_segment`.

    Raises:
        FormatError: If a video comes twice, or a duration or a subset is missing.
    """
    entries = list(entries)
    if not entries:
        raise FormatError('the sources', 'at least one video', 'none')
    unsplit = [entry.name for entry in entries if entry.subset is None]
    subset_by_video = (split or random_split)(unsplit) if unsplit else {}
    document = AnnotationDocument()
    for entry in entries:
        if entry.name in document.database:
            raise FormatError(entry.source, 'each video once', 'it again', entry.name)
        if entry.facts is None or (videos is not None and entry.name in videos):
            facts = videos.require(entry.name, entry.source)
        else:
            facts = entry.facts
        document.add_video(
            entry.name,
            subset=entry.subset or subset_by_video[entry.name],
            source=entry.source,
            **facts,
        )
        for label, start, end in entry.segments:
            document.add_segment(
                entry.name, label, start, end, source=entry.source, on_reversed=on_reversed
            )
    document.set_classes(classes, entries[0].source, default=default_classes)
    held_out = [name for name in unsplit if subset_by_video[name] == 'validation']
    if unsplit:
        document.notes.append(
            f'{len(held_out)} of {len(unsplit)} videos without a subset are for '
            'validation' + (f': {some(held_out, 5)}' if held_out else '')
        )
    return document
