# SPDX-License-Identifier: Apache-2.0
"""Label Studio: segments of its video time line, and of audio, video and time series in seconds.

The video time line counts frames from 1 at a rate that the file does not hold. A range [a, b]
covers the frames a to b, both included: the times (a - 1) / fps to b / fps. Results of type
``labels`` (audio and video) and ``timeserieslabels`` hold start and end in seconds.
"""

import re
from collections import Counter
from urllib.parse import unquote

from ...errors import FormatError
from ...utils.names import some
from ...utils.text_files import is_finite, read_json
from .assemble import VideoEntry, assemble
from .document import AnnotationDocument, positive
from .fields import video_name

TYPE = 'timelinelabels'
#: Types whose start and end are seconds.
SECONDS_TYPES = ('labels', 'timeserieslabels')
#: Keys of a task's data that name its recording, in the order of preference.
_DATA_KEYS = ('video', 'audio', 'timeseries', 'csv', 'url')


def read_label_studio(
    sources, *, videos, fps=None, classes=None, split=None, predictions=False, on_reversed='error'
) -> AnnotationDocument:
    """Read exports of Label Studio (its full json).

    Of several annotations of a task the one marked as ground truth is taken, else the last one;
    cancelled ones are skipped. Tasks without annotation are skipped and noted.

    Args:
        sources (Sequence[str | Path]): The exported files.
        fps (float, optional): ``frameRate`` of the labelling configuration (Label Studio's default:
            24), for results of the video time line.
        videos (VideoInfo): Durations.
        predictions (bool): Take the last prediction of tasks without an annotation.
        classes, split, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file is not such an export, or a duration is nowhere to be found.
    """
    if fps is not None:
        fps = positive(
            fps, 'the frame rate of the labelling configuration (--fps)', sources[0], None
        )
    tasks, skipped = _results(sources, predictions)
    entries: list[VideoEntry] = []
    others: Counter[str] = Counter()
    for name, (path, result) in tasks.items():
        entry = VideoEntry(name, path)
        for item in result:
            kind = item.get('type') if isinstance(item, dict) else None
            if kind == TYPE:
                entry.segments += _from_frames(path, name, item, fps)
            elif kind in SECONDS_TYPES:
                entry.segments += _from_seconds(path, name, item)
            else:
                others[str(kind)] += 1
        entries.append(entry)
    document = assemble(
        entries,
        videos=videos,
        split=split,
        note_split=False,
        classes=classes,
        on_reversed=on_reversed,
    )
    if others:
        told = ', '.join(f'{count} of type {kind!r}' for kind, count in others.items())
        if not any(entry.segments for entry in entries):
            raise FormatError(
                sources[0], f'results of type {TYPE}, {" or ".join(SECONDS_TYPES)}', f'only {told}'
            )
        document.notes.append(f'results that are no segments were left out: {told}')
    if skipped:
        document.notes.append(
            f'{len(skipped)} tasks without an annotation were skipped: ' + some(skipped, 5)
        )
    return document


def _results(sources, predictions: bool) -> tuple[dict, list]:
    """Path and results by video, and the videos without an annotation."""
    tasks: dict = {}
    skipped = []
    for path in sources:
        for name, task in _tasks(path):
            if name in tasks:
                raise FormatError(path, 'one task a video', 'two', name)
            result = _result(task, path, name, predictions)
            if result is None:
                skipped.append(name)
            else:
                tasks[name] = (path, result)
    if not tasks:
        raise FormatError(sources[0], 'at least one task with an annotation', 'none')
    return tasks, skipped


def _tasks(path):
    content = read_json(path)
    if not isinstance(content, list) or not content:
        raise FormatError(path, 'a list of tasks', type(content).__name__ if content else 'none')
    for number, task in enumerate(content):
        data = task.get('data') if isinstance(task, dict) else None
        video = (
            next((data[key] for key in _DATA_KEYS if data.get(key)), None)
            if isinstance(data, dict)
            else None
        )
        if not isinstance(video, str):
            raise FormatError(
                path,
                f'a name as data.video (or {", ".join(_DATA_KEYS[1:])}) in task {number}',
                repr(task)[:80],
            )
        # Uploads are stored as 8 hexadecimal digits, a dash and the original name.
        name = video_name(unquote(video.split('?d=')[-1].split('?')[0]))
        yield (re.sub(r'^[0-9a-f]{8}-', '', name) if '/upload/' in video else name), task


def _result(task, path, name, predictions):
    annotations = task.get('annotations', [])
    if predictions and not annotations:
        annotations = task.get('predictions', [])
    if not isinstance(annotations, list):
        raise FormatError(
            path,
            'a list "annotations" (export as JSON, not JSON-MIN)',
            type(annotations).__name__,
            name,
        )
    usable = [
        item for item in annotations if isinstance(item, dict) and not item.get('was_cancelled')
    ]
    if not usable:
        return None
    chosen = next((item for item in usable if item.get('ground_truth')), usable[-1])
    if not isinstance(chosen.get('result'), list):
        raise FormatError(path, 'a list "result"', type(chosen.get('result')).__name__, name)
    return chosen['result']


def _from_frames(path, name, item, fps):
    value = item.get('value')
    if (
        not isinstance(value, dict)
        or not isinstance(value.get('ranges'), list)
        or not isinstance(value.get(TYPE), list)
    ):
        raise FormatError(path, f'value.ranges and value.{TYPE}', repr(value)[:80], name)
    if fps is None:
        raise FormatError(
            path,
            'the frame rate of the labelling configuration (--fps), which the '
            f'file does not hold, for results of type {TYPE}',
            'none',
            name,
        )
    for span in value['ranges']:
        frames = [span.get(key) for key in ('start', 'end')] if isinstance(span, dict) else [span]
        if len(frames) != 2 or not all(map(is_finite, frames)):
            raise FormatError(path, 'a range with start and end in frames', repr(span)[:80], name)
        if not frames[0] >= 1:
            raise FormatError(path, 'frames counted from 1', span, name)
        for label in value[TYPE]:
            yield label, (frames[0] - 1) / fps, frames[1] / fps


def _from_seconds(path, name, item):
    value = item.get('value')
    times = [value.get(key) for key in ('start', 'end')] if isinstance(value, dict) else []
    labels = value.get(item['type']) if isinstance(value, dict) else None
    if len(times) != 2 or not all(map(is_finite, times)) or not isinstance(labels, list):
        raise FormatError(
            path,
            f'value.start and value.end in seconds and value.{item["type"]}',
            repr(value)[:80],
            name,
        )
    for label in labels:
        yield (label, *times)
