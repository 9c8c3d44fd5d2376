# SPDX-License-Identifier: Apache-2.0
"""A plain table of segments: ``video,start,end,label`` in seconds, header required."""

import random

from ...errors import FormatError
from ...utils.names import some
from ...utils.text_files import read_lines
from .document import AnnotationDocument, positive
from .files import parse_int, parse_seconds, read_rows, video_name

COLUMNS = ('video', 'start', 'end', 'label')
OPTIONAL_COLUMNS = ('subset', 'duration', 'fps')


def read_csv(
    sources,
    *,
    videos,
    classes=None,
    split=None,
    columns=None,
    times=None,
    fps=None,
    on_reversed='error',
) -> AnnotationDocument:
    """Read tables of segments.

    Columns ``subset``, ``duration`` and ``fps`` are used where there are any, others are ignored.
    The names of videos lose the video suffix and keep their folders. A row with neither label nor
    times is a video without actions.

    Args:
        sources (Sequence[str | Path]): csv files; comma, semicolon or tab.
        videos (VideoInfo): Durations of videos without a column for it.
        classes (str | Path, optional): Ordered class list; default: by name.
        split (Callable, optional): ``split(names) -> {name: subset}`` for videos without a column
            ``subset``; default :func:`random_split`.
        columns (dict[str, str], optional): Names in the file of columns that are named otherwise
            here, such as ``{'label': 'type', 'start': 'Start (s)'}``.
        times (str, optional): Unit of the times: 'seconds', 'frames' (of the column ``fps``, or
            ``fps``) or 'clock' (``HH:MM:SS.ff``). Default: seconds or clock, as each is written.
        fps (float, optional): Frames a second, for times in frames.
        on_reversed (str): See :meth:`AnnotationDocument.add_segment`.

    Raises:
        FormatError: If a file or row is not of this format, two rows contradict each other on
            a video, or a duration is nowhere to be found.
    """
    rows = [
        (f'{path}:{line}', video_name(row['video']), row)
        for path in sources
        for line, row in _renamed_rows(path, columns or {})
    ]
    unsplit = dict.fromkeys(name for _, name, row in rows if not row.get('subset'))
    subset_by_video = (split or random_split)(list(unsplit)) if unsplit else {}
    facts_by_video = _facts_by_video(rows)
    document = AnnotationDocument()
    for source, name, row in rows:
        known = document.database.get(name)
        if known is None or row.get('subset'):
            facts = facts_by_video[name]
            if 'duration' not in facts:
                facts = videos.require(name, source)
            known = document.add_video(
                name, subset=row.get('subset') or subset_by_video[name], source=source, **facts
            )
        if not any(row[key] for key in ('label', 'start', 'end')):
            continue
        rate = facts_by_video[name].get('fps', fps or known.get('fps'))
        start, end = (_seconds(row[key], times, rate, source, name) for key in ('start', 'end'))
        document.add_segment(name, row['label'], start, end, source=source, on_reversed=on_reversed)
    document.set_classes(classes, sources[0])
    if unsplit:
        held_out = [name for name in unsplit if subset_by_video[name] == 'validation']
        document.notes.append(
            f'{len(held_out)} of {len(unsplit)} videos without a subset are for '
            'validation' + (f': {some(held_out, 5)}' if held_out else '')
        )
    return document


def _renamed_rows(path, columns: dict):
    """Rows with the names of columns that are used here."""
    theirs = {key: columns.get(key, key).strip().lower() for key in (*COLUMNS, *OPTIONAL_COLUMNS)}
    named = [theirs[key] for key in (*COLUMNS, *(key for key in columns if key not in COLUMNS))]
    for line, row in read_rows(path, named):
        yield line, {key: row[name] for key, name in theirs.items() if name in row}


def _seconds(text: str, times, fps, source, name) -> float:
    if times == 'frames':
        if fps is None:
            raise FormatError(
                source,
                'frames a second for times in frames: a column "fps", --fps or --videos with fps',
                'none',
                name,
            )
        return parse_int(text, 'a frame', source, name) / positive(fps, 'fps', source, name)
    if times is not None and (':' in text) != (times == 'clock'):
        raise FormatError(
            source,
            f'a time in {times}' if times == 'seconds' else 'a time as HH:MM:SS.ff',
            repr(text),
            name,
        )
    return parse_seconds(text, source, name)


def _facts_by_video(rows) -> dict:
    """``{name: {'duration': seconds, 'fps': ...}}``, as far as any row of the video tells."""
    said: dict = {}
    for source, name, row in rows:
        if not name:
            raise FormatError(source, 'the name of a video', repr(row['video']))
        facts = said.setdefault(name, {})
        for key in ('duration', 'fps'):
            if row.get(key):
                value = parse_seconds(row[key], source, name)
                first, where = facts.setdefault(key, (value, source))
                if value != first:
                    raise FormatError(source, f'{key} {first} as in {where}', value, name)
    return {name: {key: value for key, (value, _) in facts.items()} for name, facts in said.items()}


def random_split(names, *, share=0.2, seed=0) -> dict:
    """Give ``share`` of the videos (one at least, where there are two) to 'validation'.

    The same names, share and seed give the same split, whatever the order of the names.
    """
    names = sorted(names)
    count = min(max(round(share * len(names)), 1), len(names) - 1) if share > 0 else 0
    held_out = set(random.Random(seed).sample(names, max(count, 0)))
    return {name: 'validation' if name in held_out else 'training' for name in names}


def listed_split(names, *, path) -> dict:
    """Give the videos named in a text file, one a line, to 'validation'.

    Names may end in ``.txt``, as those of a ``splits/*.bundle`` do.

    Raises:
        FormatError: If the file names a video without annotations.
    """
    listed = {video_name(line.removesuffix('.txt')) for line in read_lines(path)}
    unknown = sorted(listed - set(names))
    if unknown:
        raise FormatError(path, 'videos that have annotations', ', '.join(unknown[:5]))
    return {name: 'validation' if name in listed else 'training' for name in names}
