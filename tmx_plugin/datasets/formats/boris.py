# SPDX-License-Identifier: Apache-2.0
"""BORIS projects (``.boris``): state events come in pairs, start and stop, of a subject.

Source: user guide of BORIS 7 and 8. An event is ``[time, subject, code, modifier, comment, ...]``
with the time in seconds.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Callable, Optional

from ...errors import FormatError
from ...utils.text_files import is_finite, read_json
from .assemble import VideoEntry, assemble
from .document import AnnotationDocument
from .fields import expect, video_name


def read_boris(
    sources: Sequence,
    *,
    videos=None,
    classes=None,
    split: Optional[Callable] = None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Read BORIS projects; each observation of one media file is a video.

    The label is the behavior's code. Point events have no length and are left out, which a note
    says.

    Args:
        sources (Sequence[str | Path]): The projects.
        videos (VideoInfo, optional): Durations; default: the media's lengths in the project.
        classes, split, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file is no project, an observation has several media files in a row, or
            a state event has no stop.
    """
    entries, points = [], 0
    for path in sources:
        project = read_json(path)
        observations = project.get('observations') if isinstance(project, dict) else None
        behaviors = project.get('behaviors_conf') if isinstance(project, dict) else None
        if not isinstance(observations, dict) or not isinstance(behaviors, dict):
            raise FormatError(
                path,
                'a BORIS project with "observations" and "behaviors_conf"',
                sorted(project)[:5] if isinstance(project, dict) else type(project),
            )
        states = {
            expect(item.get('code'), str, 'a behavior with a text as "code"', path)
            for item in behaviors.values()
            if isinstance(item, dict) and str(item.get('type', '')).lower().startswith('state')
        }
        for name, observation in observations.items():
            entry, left_out = _read_observation(path, name, observation, states)
            entries.append(entry)
            points += left_out
    document = assemble(
        entries, videos=videos, split=split, classes=classes, on_reversed=on_reversed
    )
    if points:
        document.notes.append(f'{points} point events, which have no length, were left out')
    return document


def _read_observation(path, name, observation, states) -> tuple[VideoEntry, int]:
    if not isinstance(observation, dict) or not isinstance(observation.get('events'), list):
        raise FormatError(path, 'an observation with a list "events"', repr(observation)[:80], name)
    one = 'an observation of one media file'
    players = expect(observation.get('file') or {}, dict, one, path, name)
    media = [files for files in players.values() if files]
    if not media or not isinstance(media[0], list) or len(media[0]) != 1:
        raise FormatError(path, one, repr(media)[:80], name)
    file = expect(media[0][0], str, one, path, name)
    info = expect(observation.get('media_info') or {}, dict, 'an object "media_info"', path, name)
    length, fps = (
        expect(info.get(key) or {}, dict, f'an object "{key}" in "media_info"', path, name).get(
            file
        )
        for key in ('length', 'fps')
    )
    entry = VideoEntry(
        video_name(str(file)),
        str(path),
        facts=None if length is None else dict(duration=length, fps=fps or None),
    )
    events = observation['events']
    for event in events:
        sound = isinstance(event, list) and len(event) >= 4 and is_finite(event[0])
        if not sound or not isinstance(event[2], str):
            raise FormatError(
                path, 'an event [time, subject, code, modifier, ...]', repr(event)[:80], name
            )
    segments, points = _pair_states(events, states, path, name)
    entry.segments.extend(sorted(segments, key=lambda segment: segment[1:]))
    return entry, points


def _pair_states(events, states, path, name) -> tuple[list, int]:
    """Segments from the starts and stops of state events, and the number of point events."""
    running: dict = defaultdict(list)
    segments: list = []
    points = 0
    for time, subject, code, modifier, *_ in sorted(events, key=lambda event: event[0]):
        if code not in states:
            points += 1
            continue
        started = running[str(subject), str(code), str(modifier)]
        if started:
            segments.append((code, started.pop(), time))
        else:
            started.append(time)
    for (subject, code, _), started in running.items():
        if started:
            raise FormatError(
                path,
                f'a stop of {code!r}' + (f' of {subject}' if subject else ''),
                f'only a start at {started[0]} s',
                name,
            )
    return segments, points
