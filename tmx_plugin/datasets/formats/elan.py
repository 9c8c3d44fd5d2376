# SPDX-License-Identifier: Apache-2.0
"""ELAN documents (``.eaf``): tiers of annotations between time slots in milliseconds.

Format: EAF 2.7 to 3.0 of the Max Planck Institute for Psycholinguistics. A tier holds
``ALIGNABLE_ANNOTATION`` elements, whose two references name slots of the ``TIME_ORDER``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Callable, Optional

from ...errors import FormatError
from .assemble import VideoEntry, assemble
from .document import AnnotationDocument
from .fields import video_name
from .xml_files import read_xml


def read_elan(
    sources: Sequence,
    *,
    videos,
    tiers: Sequence[str] = (),
    classes=None,
    split: Optional[Callable] = None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Read ELAN documents, one a video.

    The label is the annotation's value. The video is named by the document's media file, or by
    the document where it names none.

    Args:
        sources (Sequence[str | Path]): The ``.eaf`` files, or folders of them.
        videos (VideoInfo): Durations, which ELAN documents lack.
        tiers (Sequence[str]): Tiers to read; default: all that have times of their own.
        classes, split, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file is no ELAN document, has none of ``tiers``, or an annotation has no
            time.
    """
    entries = []
    for source in map(Path, sources):
        for path in sorted(source.rglob('*.eaf')) if source.is_dir() else [source]:
            entries.append(_read_document(path, tuple(tiers)))
    return assemble(entries, videos=videos, split=split, classes=classes, on_reversed=on_reversed)


def _read_document(path: Path, tiers: tuple) -> VideoEntry:
    root = read_xml(path, 'ANNOTATION_DOCUMENT')
    slots = {slot.get('TIME_SLOT_ID'): slot.get('TIME_VALUE') for slot in root.iter('TIME_SLOT')}
    media = next(
        (
            item.get('MEDIA_URL') or item.get('RELATIVE_MEDIA_URL') or ''
            for item in root.iter('MEDIA_DESCRIPTOR')
        ),
        '',
    )
    entry = VideoEntry(video_name(media) or path.stem, str(path))
    known = [tier.get('TIER_ID') for tier in root.iter('TIER')]
    absent = [tier for tier in tiers if tier not in known]
    if absent:
        raise FormatError(path, f'a tier {absent[0]!r}', f'the tiers {known}')
    for tier in root.iter('TIER'):
        if tiers and tier.get('TIER_ID') not in tiers:
            continue
        for item in tier.iter('ALIGNABLE_ANNOTATION'):
            label = (item.findtext('ANNOTATION_VALUE') or '').strip()
            if label:
                start, end = (
                    _seconds(slots, item.get(key), label, path)
                    for key in ('TIME_SLOT_REF1', 'TIME_SLOT_REF2')
                )
                entry.segments.append((label, start, end))
    return entry


def _seconds(slots: dict, slot, label, path) -> float:
    value = slots.get(slot)
    if value is None or not value.isdecimal():
        raise FormatError(
            path, f'a time in milliseconds for {label!r} (time slot {slot})', repr(value)
        )
    return int(value) / 1000
