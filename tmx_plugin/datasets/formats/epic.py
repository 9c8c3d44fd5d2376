# SPDX-License-Identifier: Apache-2.0
"""EPIC-Kitchens-100: the official csv files, and lists in frames at a flat 30 fps.

Every video counts as 30 fps, whatever it was recorded at, as published features do. Times of the
official files come from their time stamps: their frame columns count at the video's own rate.
"""

import math
from pathlib import Path

from ...errors import FormatError
from ...structures.epic_constants import NOUNS_WITHOUT_INSTANCE
from .assemble import VideoEntry, assemble, entry_of
from .document import AnnotationDocument
from .fields import parse_int, parse_seconds, read_rows

FPS = 30.0
TARGETS = ('verb', 'noun', 'action')
OFFICIAL = ('video_id', 'start_timestamp', 'stop_timestamp', 'verb_class', 'noun_class')
FLAT = ('video', 'start', 'stop', 'verb', 'noun')


def read_class_csv(path) -> dict:
    """Keys by id of ``EPIC_100_verb_classes.csv`` or ``EPIC_100_noun_classes.csv``."""
    names: dict[int, str] = {}
    for line, row in read_rows(path, ('id', 'key')):
        number = parse_int(row['id'], 'a class id', f'{path}:{line}')
        if number in names or row['key'] in names.values():
            raise FormatError(f'{path}:{line}', 'each id and key once', repr(row['key']))
        names[number] = row['key']
    return names


def frame_to_seconds(frame: int) -> float:
    """The least time whose frame at 30 fps, truncated, is ``frame`` again."""
    seconds = frame / FPS
    while int(seconds * FPS) < frame:
        seconds = math.nextafter(seconds, math.inf)
    return seconds


def subset_of(path) -> str:
    """'train' or 'val', by the name of the file.

    Raises:
        FormatError: If the name says neither or both.
    """
    name = Path(path).name.lower()
    subsets = [subset for subset in ('train', 'val') if subset in name]
    if len(subsets) != 1:
        raise FormatError(
            path,
            'a file name with "train" or "val", or SRC written as train=FILE or val=FILE',
            repr(Path(path).name),
        )
    return subsets[0]


def _split_source(source):
    text = str(source)
    for subset in ('train', 'val'):
        if text.startswith(f'{subset}='):
            return subset, text[len(subset) + 1 :]
    return subset_of(source), text


def _instances(path):
    """``(line, video, start, end, verb id, noun id)`` of every row, times in seconds."""
    for line, row in read_rows(path, OFFICIAL, FLAT):
        source = f'{path}:{line}'
        if 'start_timestamp' in row:
            video, verb, noun = row['video_id'], row['verb_class'], row['noun_class']
            times = [
                parse_seconds(row[key], source, video)
                for key in ('start_timestamp', 'stop_timestamp')
            ]
        else:
            video, verb, noun = row['video'], row['verb'], row['noun']
            times = [
                frame_to_seconds(parse_int(row[key], f'{key} in frames', source, video))
                for key in ('start', 'stop')
            ]
        yield (
            source,
            video,
            *times,
            parse_int(verb, 'a verb id', source, video),
            parse_int(noun, 'a noun id', source, video),
        )


def _known(names: dict, number: int, what: str, source, video) -> str:
    if number not in names:
        raise FormatError(
            source, f'a {what} id that is in the class list and has instances', number, video
        )
    return names[number]


def read_epic(
    sources, *, verb_classes, noun_classes, videos, target, on_reversed='error'
) -> AnnotationDocument:
    """Read annotations of EPIC-Kitchens-100 for one target.

    Classes are in the order of their ids: 97 verbs, the 293 nouns that have instances, or the
    actions present in the files, called ``V,N`` by the ids of verb and noun as the challenge does.

    Args:
        sources (Sequence[str]): Files, as ``train=FILE`` / ``val=FILE`` where the name of a file
            does not tell its subset.
        verb_classes, noun_classes (str | Path): The official class lists.
        videos (VideoInfo): Durations.
        target (str): 'verb', 'noun' or 'action'.
        on_reversed (str): See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file, row, class or duration is wrong or missing.
    """
    verbs = read_class_csv(verb_classes)
    nouns = {
        number: key
        for number, key in read_class_csv(noun_classes).items()
        if number not in NOUNS_WITHOUT_INSTANCE
    }
    entries: dict[str, VideoEntry] = {}
    actions = set()
    for item in sources:
        subset, path = _split_source(item)
        for source, name, start, end, verb, noun in _instances(path):
            keys = (
                _known(verbs, verb, 'verb', source, name),
                _known(nouns, noun, 'noun', source, name),
            )
            actions.add((verb, noun))
            entry = entry_of(entries, name, path, subset, source)
            if entry.facts is None:
                entry.facts = dict(duration=videos.require(name, source)['duration'], fps=FPS)
            label = {'verb': keys[0], 'noun': keys[1], 'action': f'{verb},{noun}'}[target]
            entry.segments.append((label, start, end, source))
    names = {
        'verb': list(verbs.values()),
        'noun': list(nouns.values()),
        'action': [f'{verb},{noun}' for verb, noun in sorted(actions)],
    }
    return assemble(entries.values(), default_classes=names[target], on_reversed=on_reversed)
