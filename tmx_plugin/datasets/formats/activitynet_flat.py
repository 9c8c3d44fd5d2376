# SPDX-License-Identifier: Apache-2.0
"""ActivityNet jsons without ``database``, as BSN publishes them: ``{"v_ID": {...}}``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Callable, Optional

from ...errors import FormatError
from ...utils.text_files import read_json
from .assemble import VideoEntry, assemble
from .document import AnnotationDocument

_DURATIONS = ('duration_second', 'duration')


def is_flat(content) -> bool:
    """Whether a json looks like one of these."""
    return (
        isinstance(content, dict)
        and bool(content)
        and all(
            isinstance(video, dict)
            and isinstance(video.get('annotations'), list)
            and any(key in video for key in _DURATIONS)
            for video in content.values()
        )
    )


def read_activitynet_flat(
    sources: Sequence,
    *,
    videos=None,
    classes=None,
    split: Optional[Callable] = None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Read such jsons.

    The subset is the video's ``subset``, or what the file's name says ("train" or "val"), or
    drawn.

    Args:
        sources (Sequence[str | Path]): The files.
        videos (VideoInfo, optional): Durations that go before the file's.
        classes, split, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file is not of this format.
    """
    entries = []
    for path in sources:
        content = read_json(path)
        if not is_flat(content):
            raise FormatError(
                path,
                'an object of videos with "annotations" and "duration_second" or "duration"',
                repr(content)[:80],
            )
        named = next(
            (
                name
                for key, name in (('train', 'training'), ('val', 'validation'))
                if key in Path(path).stem.lower()
            ),
            None,
        )
        for name, video in content.items():
            duration = next(video[key] for key in _DURATIONS if key in video)
            frames = video.get('duration_frame')
            entry = VideoEntry(
                name,
                str(path),
                subset=video.get('subset') or named,
                facts=dict(duration=duration, frame=frames),
            )
            for item in video['annotations']:
                segment = item.get('segment') if isinstance(item, dict) else None
                if not isinstance(segment, list) or len(segment) != 2:
                    raise FormatError(
                        path,
                        'annotations with "label" and "segment" [start, end]',
                        repr(item)[:80],
                        name,
                    )
                entry.segments.append((item.get('label'), *segment))
            entries.append(entry)
    return assemble(entries, videos=videos, split=split, classes=classes, on_reversed=on_reversed)
