# SPDX-License-Identifier: Apache-2.0
"""Labels of action segmentation: one text file a video, with a label a frame or a line a segment.

The layout of GTEA, 50 Salads and Breakfast is one label a line, one line a frame
(``groundTruth/VIDEO.txt``), beside ``mapping.txt`` with lines ``id label``. Others write a line
``start end label`` for each segment. The two are told apart by their lines.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Callable, Optional

import numpy as np

from ...errors import FormatError
from ...utils.text_files import is_finite, read_text
from .assemble import VideoEntry, assemble
from .document import AnnotationDocument, positive

#: Background labels of the public data sets; left out unless others are named.
BACKGROUND = ('background', 'action_start', 'action_end', 'SIL')


def runs(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """Runs of equal labels, as ``(label, first frame, frame after the last)``.

    Examples:
        >>> runs(['a', 'a', 'b', 'a'])
        [('a', 0, 2), ('b', 2, 3), ('a', 3, 4)]
    """
    found, start = [], 0
    for label, group in groupby(labels):
        end = start + sum(1 for _ in group)
        found.append((label, start, end))
        start = end
    return found


def read_mapping(path) -> dict[str, str]:
    """Labels of a ``mapping.txt``: ``{id: label}``, in the order of the ids.

    Raises:
        FormatError: If a line is not ``id label``, or an id or a label stands twice.
    """
    names: dict[int, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        fields = line.split(maxsplit=1)
        if not fields:
            continue
        if len(fields) != 2 or not fields[0].isdecimal():
            raise FormatError(f'{path}:{number}', 'a line "id label"', repr(line[:80]))
        index, label = int(fields[0]), fields[1].strip()
        if index in names or label in names.values():
            raise FormatError(f'{path}:{number}', 'each id and each label once', repr(line[:80]))
        names[index] = label
    return {str(index): names[index] for index in sorted(names)}


def read_frames_txt(
    sources: Sequence,
    *,
    fps: Optional[float] = None,
    videos=None,
    times: Optional[str] = None,
    background: Iterable[str] = BACKGROUND,
    mapping=None,
    classes=None,
    split: Optional[Callable] = None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Read text files of labels, one file a video, which is named after the file.

    Frame ``f`` lasts from ``f / fps`` to ``(f + 1) / fps`` seconds. A line ``start end label`` goes
    from the start of frame ``start`` to the start of frame ``end``, or holds seconds.

    Args:
        sources (Sequence[str | Path]): Files, or folders of ``VIDEO.txt``.
        fps (float, optional): Labels a second. Not needed for ``start end label`` in seconds.
        videos (VideoInfo, optional): Durations, for files with ``start end label``.
        times (str, optional): Unit of ``start end``: 'frames' (default) or 'seconds'.
        background (Iterable[str]): Labels that mean no action.
        mapping (str | Path, optional): ``mapping.txt``. It gives the order of the classes, and the
            names where the files hold ids.
        classes, split, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file is not of this format, a label is not in the mapping, or the rate or
            a duration is missing.
    """
    names = read_mapping(mapping) if mapping else {}
    files = _video_files(sources)
    entries, left_out = [], dict.fromkeys(background, 0)
    for name, path in files.items():
        lines = [line.strip() for line in read_text(path).rstrip().splitlines()]
        spans = _spans(lines)
        if spans is None:
            facts, segments = _frame_labels(lines, path, name, fps)
        else:
            facts, segments = _span_table(spans, path, name, fps, times, videos)
        entry = VideoEntry(name, str(path), facts=facts)
        for label, start, end in segments:
            label = _label(label, names, mapping, path, name)
            if label in left_out:
                left_out[label] += 1
            else:
                entry.segments.append((label, start, end))
        entries.append(entry)
    ordered = [label for label in names.values() if label not in left_out]
    document = assemble(
        entries,
        split=split,
        note_split=False,
        classes=classes,
        default_classes=ordered,
        on_reversed=on_reversed,
    )
    told = ', '.join(f'{label} ({count})' for label, count in left_out.items() if count)
    document.notes.append(f'background labels left out: {told or "none"}')
    return document


def _video_files(sources) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for source in map(Path, sources):
        found = sorted(source.rglob('*.txt')) if source.is_dir() else [source]
        if not found:
            raise FormatError(source, 'text files VIDEO.txt', 'none')
        for path in found:
            name = (
                (path.relative_to(source) if source.is_dir() else Path(path.name))
                .with_suffix('')
                .as_posix()
            )
            if files.setdefault(name, path) != path:
                raise FormatError(path, 'each video once', f'it in {files[name]} too', name)
    return files


def _spans(lines: list) -> Optional[list]:
    """The lines as ``(start, end, label)`` where each is that, else None."""
    spans = []
    for line in lines:
        fields = line.split(maxsplit=2)
        try:
            spans.append((float(fields[0]), float(fields[1]), fields[2]))
        except (IndexError, ValueError):
            return None
    return spans


def _frame_labels(lines, path, name, fps):
    if fps is None:
        raise FormatError(
            path,
            'the number of labels a second (--fps), which the file does not hold',
            'none',
            name,
        )
    fps = positive(fps, 'labels a second (--fps)', path, name)
    if not all(lines):
        raise FormatError(f'{path}:{lines.index("") + 1}', 'a label a line', 'a blank line', name)
    segments = [(label, start / fps, end / fps) for label, start, end in runs(lines)]
    return dict(duration=len(lines) / fps, frame=len(lines), fps=fps), segments


def _span_table(spans, path, name, fps, times, videos):
    if times != 'seconds':
        rate = positive(fps, 'frames a second (--fps), since times are in frames', path, name)
    else:
        rate = 1.0
    bounds = np.array([span[:2] for span in spans])
    if not all(is_finite(value) for value in bounds.ravel().tolist()):
        raise FormatError(path, 'times that are finite', 'others', name)
    facts = (
        videos[name]
        if videos is not None and name in videos
        else dict(duration=float(bounds.max()) / rate, fps=fps)
    )
    return facts, [(label, start / rate, end / rate) for start, end, label in spans]


def _label(label, names, mapping, path, name):
    if not names or label in names.values():
        return label
    if label in names:  # files may hold ids
        return names[label]
    raise FormatError(path, f'one of the {len(names)} labels of {mapping}', repr(label), name)
