# SPDX-License-Identifier: Apache-2.0
"""Charades' own csv files: ``id,...,length,actions`` with ``c092 11.90 21.20;c147 0.00 12.60``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Callable, Optional

from ...errors import FormatError
from ...utils.text_files import read_text
from .assemble import VideoEntry, assemble
from .document import AnnotationDocument
from .fields import parse_seconds, read_rows

COLUMNS = ('id', 'actions', 'length')
SUBSETS = {'train': 'training', 'test': 'validation'}


def read_class_names(path) -> dict[str, str]:
    """Names by code of ``Charades_v1_classes.txt``, whose lines are ``c000 Holding some clothes``.

    Raises:
        FormatError: If a line is not of this form.
    """
    names = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        code, _, name = line.strip().partition(' ')
        if not name or code in names:
            raise FormatError(f'{path}:{number}', 'a line "code name"', repr(line[:80]))
        names[code] = name
    return names


def read_charades(
    sources: Sequence,
    *,
    videos=None,
    mapping=None,
    classes=None,
    split: Optional[Callable] = None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Read ``Charades_v1_train.csv`` and ``Charades_v1_test.csv``; names tell the subsets.

    Videos without actions stay in the set.

    Args:
        sources (Sequence[str | Path]): The files.
        videos (VideoInfo, optional): Durations that go before the column ``length``.
        mapping (str | Path, optional): ``Charades_v1_classes.txt``; without it labels are codes.
        classes, split, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file or an action is not of this format.
    """
    names = read_class_names(mapping) if mapping else None
    entries = []
    for path in sources:
        subset = next(
            (name for key, name in SUBSETS.items() if key in Path(path).stem.lower()), None
        )
        for line, row in read_rows(path, COLUMNS):
            source = f'{path}:{line}'
            entry = VideoEntry(
                row['id'],
                source,
                subset=subset,
                facts=dict(duration=parse_seconds(row['length'], source, row['id'])),
            )
            for action in filter(None, map(str.strip, row['actions'].split(';'))):
                entry.segments.append(_action(action, names, source, row['id']))
            entries.append(entry)
    return assemble(
        entries,
        videos=videos,
        split=split,
        classes=classes,
        on_reversed=on_reversed,
        default_classes=names and list(names.values()),
    )


def _action(text: str, names, source, video) -> tuple:
    fields = text.split()
    if len(fields) != 3 or (names is not None and fields[0] not in names):
        raise FormatError(source, 'an action "code start end" of a known class', repr(text), video)
    start, end = (parse_seconds(field, source, video) for field in fields[1:])
    return (names or {}).get(fields[0], fields[0]), start, end
