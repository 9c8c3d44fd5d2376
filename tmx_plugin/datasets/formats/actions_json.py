# SPDX-License-Identifier: Apache-2.0
"""Jsons ``{video: {"subset": s, "duration": seconds, "actions": [[id, start, end], ...]}}``.

MultiTHUMOS, Charades and AVA come so from the multi-label detection literature (PointTAD among
others). The ids index a class list; some files count from 0, others from 1.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Callable, Optional

from ...errors import FormatError
from ...utils.text_files import is_finite, read_json
from ..annotation_files import read_class_list
from .assemble import VideoEntry, assemble
from .document import AnnotationDocument

#: Names of these files' subsets here: the test videos are validated on.
SUBSETS = {'testing': 'validation', 'test': 'validation'}


def read_actions_json(
    sources: Sequence,
    *,
    classes=None,
    videos=None,
    first_id: Optional[int] = None,
    split: Optional[Callable] = None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Read jsons with lists of actions.

    Args:
        sources (Sequence[str | Path]): The files.
        classes (str | Path): Class list, one name a line, in the order of the ids.
        videos (VideoInfo, optional): Durations that go before the file's.
        first_id (int, optional): Id of the first class. Default: 0 where an id is 0, 1 where an id
            equals the number of classes.
        split, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a value is missing, an id has no class, or ``first_id`` is needed.
    """
    if classes is None:
        raise FormatError(
            sources[0], 'a class list beside it (--classes), since its actions are ids', 'none'
        )
    names = read_class_list(classes)
    contents = [(path, name, video) for path in sources for name, video in _videos(path)]
    ids = {item[0] for _, _, video in contents for item in video['actions']}
    first = _first_id(ids, len(names), sources[0]) if first_id is None else first_id
    entries = []
    for path, name, video in contents:
        entry = VideoEntry(
            name,
            str(path),
            facts=dict(duration=video.get('duration')),
            subset=_subset(video.get('subset')),
        )
        for index, start, end in video['actions']:
            if not 0 <= index - first < len(names):
                raise FormatError(
                    path, f'an id from {first} to {len(names) + first - 1}', index, name
                )
            entry.segments.append((names[index - first], start, end))
        entries.append(entry)
    return assemble(entries, videos=videos, split=split, classes=classes, on_reversed=on_reversed)


def is_actions_json(content) -> bool:
    """Whether a json looks like one of these."""
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(video, dict) and 'actions' in video for video in content.values())
    )


def _videos(path):
    content = read_json(path)
    if not is_actions_json(content):
        raise FormatError(path, 'an object of videos with "actions"', repr(content)[:80])
    for name, video in content.items():
        for item in video['actions'] if isinstance(video['actions'], list) else [None]:
            if not (
                isinstance(item, list)
                and len(item) == 3
                and all(map(is_finite, item))
                and item[0] == int(item[0])
            ):
                raise FormatError(path, 'actions [id, start, end]', repr(item)[:80], name)
        yield (
            Path(name).name,
            {
                **video,
                'actions': [[int(index), start, end] for index, start, end in video['actions']],
            },
        )


def _first_id(ids: set, count: int, path) -> int:
    if 0 in ids:
        return 0
    if count in ids:
        return 1
    found = f'ids from {min(ids)} to {max(ids)}' if ids else 'no action'
    raise FormatError(
        path,
        f'an id 0 or {count}, which tells whether ids start at 0 or 1 (else pass --first-id)',
        found,
    )


def _subset(name):
    return SUBSETS.get(name.lower(), name.lower()) if isinstance(name, str) else None
