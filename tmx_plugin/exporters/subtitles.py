# SPDX-License-Identifier: Apache-2.0
"""Detections of one video as subtitles, to be watched in any player: SRT and WebVTT."""

import re
import unicodedata
from pathlib import Path

from tmx_plugin.utils.files import atomic_write

from .checked import encodable, require_finite


def write_srt(detections: list, path: str | Path) -> Path:
    """Write one video's detections as SubRip, one cue a segment; cues may overlap.

    Args:
        detections (list[dict]): ``{'label', 'score', 'segment'}``, seconds; ``score`` may be left
            out. Written by start, with times in milliseconds.
        path (str | Path): The .srt file.

    Returns:
        Path: ``path``.

    Raises:
        DataError: If a time or score is not finite.
    """
    require_finite({Path(path).stem: detections})
    with atomic_write(path) as file:
        for number, (start, end, text) in enumerate(_cues(detections), 1):
            file.write(f'{number}\n{_clock(start, ",")} --> {_clock(end, ",")}\n{text}\n\n')
    return Path(path)


def write_vtt(detections: list, path: str | Path) -> Path:
    """Write one video's detections as WebVTT, one cue a segment; cues may overlap.

    Args:
        detections (list[dict]): As for :func:`write_srt`.
        path (str | Path): The .vtt file.

    Returns:
        Path: ``path``.

    Raises:
        DataError: If a time or score is not finite.
    """
    require_finite({Path(path).stem: detections})
    with atomic_write(path) as file:
        file.write('WEBVTT\n\n')
        for start, end, text in _cues(detections):
            text = text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
            file.write(f'{_clock(start, ".")} --> {_clock(end, ".")}\n{text}\n\n')
    return Path(path)


def _cues(detections: list) -> list:
    """(start ms, end ms, text) by time; every cue lasts at least a millisecond, as both ask."""
    cues = []
    for item in detections:
        start, end = (max(round(seconds * 1000), 0) for seconds in item['segment'])
        label = _one_line(item['label'])
        score = f' {item["score"]:.2f}' if item.get('score') is not None else ''
        cues.append((start, max(end, start + 1), f'{label}{score}'))
    return sorted(cues, key=lambda cue: cue[:2])


def _one_line(label: str) -> str:
    """A label without what would end the cue: line breaks and other control characters, arrows."""
    text = ''.join(' ' if unicodedata.category(char) == 'Cc' else char for char in encodable(label))
    return re.sub('-{2,}>', '->', ' '.join(text.split())) or '(no label)'


def _clock(milliseconds: int, point: str) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours:02d}:{minutes:02d}:{seconds:02d}{point}{milliseconds:03d}'
