# SPDX-License-Identifier: Apache-2.0
"""A plain table of segments: ``video,start,end,label`` in seconds, header required."""

from ...errors import FormatError
from .assemble import VideoEntry, assemble, entry_of
from .document import AnnotationDocument, positive
from .fields import parse_int, parse_seconds, read_rows, video_name

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
        classes, split, on_reversed: See :func:`.assemble.assemble`.
        columns (dict[str, str], optional): Names in the file of columns that are named otherwise
            here, such as ``{'label': 'type', 'start': 'Start (s)'}``.
        times (str, optional): Unit of the times: 'seconds', 'frames' (of the column ``fps``, or
            ``fps``) or 'clock' (``HH:MM:SS.ff``). Default: seconds or clock, as each is written.
        fps (float, optional): Frames a second, for times in frames.

    Raises:
        FormatError: If a file or row is not of this format, two rows contradict each other on
            a video, or a duration is nowhere to be found.
    """
    rows = [
        (path, f'{path}:{line}', video_name(row['video']), row)
        for path in sources
        for line, row in _renamed_rows(path, columns or {})
    ]
    facts_by_video = _facts_by_video(rows)
    entries: dict[str, VideoEntry] = {}
    for path, source, name, row in rows:
        entry = entry_of(entries, name, path, row.get('subset'), source)
        if entry.facts is None:
            facts = facts_by_video[name]
            entry.facts = facts if 'duration' in facts else videos.require(name, source)
        if not any(row[key] for key in ('label', 'start', 'end')):
            continue
        rate = facts_by_video[name].get('fps', fps or entry.facts.get('fps'))
        start, end = (_seconds(row[key], times, rate, source, name) for key in ('start', 'end'))
        entry.segments.append((row['label'], start, end, source))
    return assemble(entries.values(), split=split, classes=classes, on_reversed=on_reversed)


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
    told: dict = {}
    for _, source, name, row in rows:
        if not name:
            raise FormatError(source, 'the name of a video', repr(row['video']))
        facts = told.setdefault(name, {})
        for key in ('duration', 'fps'):
            if row.get(key):
                value = parse_seconds(row[key], source, name)
                first, where = facts.setdefault(key, (value, source))
                if value != first:
                    raise FormatError(source, f'{key} {first} as in {where}', value, name)
    return {name: {key: value for key, (value, _) in facts.items()} for name, facts in told.items()}
