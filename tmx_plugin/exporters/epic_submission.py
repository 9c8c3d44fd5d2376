# SPDX-License-Identifier: Apache-2.0
"""Submissions to the EPIC-Kitchens-100 action detection challenge.

Levels of supervision follow Damen and Wray, "Supervision Levels Scale (SLS)", arXiv 2008.09890.
"""

import json
import re
from pathlib import Path
from typing import Any

from tmx_plugin.utils.files import atomic_write

from ..errors import DataError
from ..structures.epic_constants import NUM_NOUNS, NUM_VERBS
from ..utils.text_files import is_finite

HEADER = dict(version='0.2', challenge='action_detection')
SLS = ('sls_pt', 'sls_tl', 'sls_td')
MAX_SHOWN = 20


def write_epic_submission(
    detections: dict, path: str | Path, *, sls_pt: int, sls_tl: int, sls_td: int
) -> Path:
    """Write action detections as the challenge wants them, after checking every field.

    Args:
        detections (dict): ``{video: [{'label': 'V,N', 'score', 'segment'}]}`` with the numbers of
            verb and noun as label; segments in seconds.
        path (str | Path): The .json file.
        sls_pt (int): Supervision of pre-training, 0 to 5.
        sls_tl (int): Training labels, 0 to 5.
        sls_td (int): Training data, 0 to 5.

    Returns:
        Path: ``path``.

    Raises:
        DataError: See :func:`validate_epic_submission`; nothing is written.
    """
    content = dict(
        HEADER,
        sls_pt=sls_pt,
        sls_tl=sls_tl,
        sls_td=sls_td,
        results={
            video: [_entry(video, item) for item in items] for video, items in detections.items()
        },
    )
    validate_epic_submission(content)
    with atomic_write(path) as file:
        json.dump(content, file)
    return Path(path)


def validate_epic_submission(content: dict) -> None:
    """Check a submission field by field.

    Args:
        content (dict): What the json file holds.

    Raises:
        DataError: With all that is wrong (the first 20 places), each with video, detection and
            field, what was expected and what was found.
    """
    if not isinstance(content, dict):
        raise DataError(f'expected an object, found {type(content).__name__}')
    problems = [
        f'{key}: expected {value!r}, found {content.get(key)!r}'
        for key, value in HEADER.items()
        if content.get(key) != value
    ]
    problems += [
        f'{key}: expected an integer from 0 to 5, found {content.get(key)!r}'
        for key in SLS
        if not _is_int(content.get(key), 6)
    ]
    problems += [
        f'{key}: not a field of a submission'
        for key in sorted(content.keys() - {*HEADER, *SLS, 'results'})
    ]
    results = content.get('results')
    if not isinstance(results, dict) or not results:
        problems.append(f'results: expected an object with a list per video, found {results!r:.80}')
        results = {}
    for video, items in results.items():
        if not re.fullmatch(r'P\d{2}_\d{2,3}', video):
            problems.append(f'results: expected a video such as P01_11, found {video!r}')
        if not isinstance(items, list):
            problems.append(f'{video}: expected a list, found {type(items).__name__}')
            continue
        for number, item in enumerate(items):
            problems += [f'{video}, detection {number}: {text}' for text in _entry_problems(item)]
    if problems:
        more = [f'... and {len(problems) - MAX_SHOWN} more'] if len(problems) > MAX_SHOWN else []
        raise DataError('\n'.join(['not a valid submission:', *problems[:MAX_SHOWN], *more]))


def _entry(video: str, item: dict) -> dict:
    match = re.fullmatch(r'(\d+),(\d+)', item['label'])
    if not match:
        raise DataError(
            f'video {video}: expected a label "V,N" with the numbers of verb and '
            f'noun, found {item["label"]!r}'
        )
    verb, noun = map(int, match.groups())
    return dict(
        verb=verb,
        noun=noun,
        action=f'{verb},{noun}',
        score=item['score'],
        segment=list(item['segment']),
    )


def _entry_problems(item: Any) -> list:
    if not isinstance(item, dict):
        return [f'expected an object, found {type(item).__name__}']
    fields = {'verb', 'noun', 'action', 'score', 'segment'}
    if item.keys() != fields:
        return [f'expected the fields {sorted(fields)}, found {sorted(item)}']
    verb, noun, action, score, segment = (
        item[key] for key in ('verb', 'noun', 'action', 'score', 'segment')
    )
    problems = []
    for name, value, count in (('verb', verb, NUM_VERBS), ('noun', noun, NUM_NOUNS)):
        if not _is_int(value, count):
            problems.append(f'{name}: expected an integer from 0 to {count - 1}, found {value!r}')
    if action != f'{verb},{noun}':
        problems.append(f'action: expected "{verb},{noun}", found {action!r}')
    if not is_finite(score):
        problems.append(f'score: expected a finite number, found {score!r}')
    if not (
        isinstance(segment, list)
        and len(segment) == 2
        and all(map(is_finite, segment))
        and 0 <= segment[0] < segment[1]
    ):
        problems.append(f'segment: expected [start, end] with 0 <= start < end, found {segment!r}')
    return problems


def _is_int(value: Any, end: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < end
