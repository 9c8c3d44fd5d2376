# SPDX-License-Identifier: Apache-2.0
"""CVAT for video 1.1: each track of an object is a segment, from its first to its last frame.

Source: CVAT's manual, "XML annotation format". Frames count from 0; a shape with ``outside="1"``
ends the track before it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Callable, Optional

from ...errors import FormatError
from .assemble import VideoEntry, assemble
from .document import AnnotationDocument, positive
from .fields import parse_int, video_name
from .xml_files import read_xml


def read_cvat(
    sources: Sequence,
    *,
    fps: float,
    videos=None,
    classes=None,
    split: Optional[Callable] = None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Read exports of video tasks ("CVAT for video 1.1"), one task a file.

    A track that leaves the picture and comes back gives one segment for each visit.

    Args:
        sources (Sequence[str | Path]): ``annotations.xml`` files.
        fps (float): Frames a second of the videos, which the files do not hold.
        videos (VideoInfo, optional): Durations; default: the task's size over ``fps``.
        classes, split, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file is no such export, or holds tags of images in place of tracks.
    """
    fps = positive(fps, 'frames a second (--fps)', sources[0], None)
    return assemble(
        [_read_task(Path(path), fps) for path in sources],
        videos=videos,
        split=split,
        classes=classes,
        on_reversed=on_reversed,
    )


def _read_task(path: Path, fps: float) -> VideoEntry:
    root = read_xml(path, 'annotations')
    meta = root.find('meta/task')
    meta = root.find('meta/job') if meta is None else meta
    if meta is None or root.find('track') is None:
        raise FormatError(
            path,
            'the export of one task as "CVAT for video 1.1", with tracks',
            f'the elements {sorted({child.tag for child in root})}',
        )
    part = meta.findtext('frame_filter') or '', meta.findtext('start_frame') or '0'
    if part[0].strip() not in ('', 'step=1') or part[1].strip() != '0':
        raise FormatError(
            path,
            'a task of all frames of its video, from the first on',
            f'frame_filter {part[0]!r}, start_frame {part[1]!r}',
        )
    size = parse_int(meta.findtext('size') or '', 'the size of the task', path)
    source = root.findtext('meta/source') or meta.findtext('source') or meta.findtext('name') or ''
    entry = VideoEntry(
        video_name(source) or path.stem,
        str(path),
        facts=dict(duration=size / fps, frame=size, fps=fps),
    )
    for track in root.iter('track'):
        for start, end in _visits(track, path):
            entry.segments.append((track.get('label'), start / fps, end / fps))
    return entry


def _visits(track, path):
    """Frame ranges ``[start, end)`` in which the object of a track is there."""
    shapes = sorted(
        (parse_int(shape.get('frame'), 'the frame of a shape', path), shape.get('outside') == '1')
        for shape in track
        if shape.get('frame')
    )
    start = None
    for frame, outside in shapes:
        if outside and start is not None:
            yield start, frame
            start = None
        elif not outside and start is None:
            start = frame
    if start is not None:  # the export has a shape in every frame up to the track's end
        yield start, shapes[-1][0] + 1
