# SPDX-License-Identifier: Apache-2.0
"""VIA 3 projects (VGG Image/Video/Audio Annotator): temporal segments ``z = [start, end]`` seconds.

A project holds ``attribute`` (with the options of a choice), ``file``, ``view`` and ``metadata``,
each an object by id. A metadata item belongs to a view, a view to files.
"""

from collections.abc import Sequence
from typing import Any, Callable, Optional

from ...errors import FormatError
from ...utils.text_files import is_finite, read_json
from .assemble import VideoEntry, assemble
from .document import AnnotationDocument
from .fields import video_name

_PARTS = ('attribute', 'file', 'view', 'metadata')


def read_via(
    sources: Sequence,
    *,
    videos,
    attribute: Optional[str] = None,
    classes=None,
    split: Optional[Callable] = None,
    on_reversed: str = 'error',
) -> AnnotationDocument:
    """Read VIA 3 projects.

    Args:
        sources (Sequence[str | Path]): Projects saved as json.
        videos (VideoInfo): Durations, which projects lack.
        attribute (str, optional): Name of the attribute that is the label; needed where segments
            have several.
        classes, split, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file is no such project, or a segment has no or several labels.
    """
    entries: dict = {}
    for path in sources:
        project = read_json(path)
        parts: dict[str, Any] = (
            {name: project.get(name) for name in _PARTS} if isinstance(project, dict) else {}
        )
        if not all(isinstance(part, dict) for part in parts.values()) or not parts:
            raise FormatError(
                path,
                f'a VIA 3 project with {", ".join(_PARTS)}',
                sorted(project)[:5] if isinstance(project, dict) else type(project),
            )
        names = {view: _video_of(path, view, parts) for view in parts['view']}
        for name in names.values():
            entries.setdefault(name, VideoEntry(name, str(path)))
        for item in parts['metadata'].values():
            times = item.get('z') if isinstance(item, dict) else None
            if isinstance(times, list) and len(times) == 2:
                video = names.get(str(item.get('vid')))
                if video is None or not all(map(is_finite, times)):
                    raise FormatError(
                        path, 'a segment of a known view with two times', repr(item)[:80]
                    )
                label = _label(path, video, item.get('av'), parts['attribute'], attribute)
                entries[video].segments.append((label, *times))
    return assemble(
        entries.values(), videos=videos, split=split, classes=classes, on_reversed=on_reversed
    )


def _video_of(path, view, parts) -> str:
    try:
        file = parts['file'][str(parts['view'][view]['fid_list'][0])]
        return video_name(str(file['fname']))
    except (KeyError, IndexError, TypeError) as error:
        raise FormatError(path, f'a file of the view {view!r}', repr(error)) from error


def _label(path, name, values, attributes, wanted) -> str:
    """Label of a segment: the text, or the option, of its only (or the wanted) attribute."""
    found = {}
    for key, value in (values if isinstance(values, dict) else {}).items():
        known = attributes.get(key)
        title = known.get('aname') if isinstance(known, dict) else None
        title = None if title is None else str(title)
        if value not in ('', None) and wanted in (None, title):
            options = known.get('options') if isinstance(known, dict) else None
            text = options.get(str(value), value) if isinstance(options, dict) else value
            found[title or key] = str(text)
    if len(found) != 1:
        raise FormatError(
            path,
            'one label a segment'
            + (f' in {wanted!r}' if wanted else '')
            + ' (--attribute NAME chooses among several)',
            found or 'none',
            name,
        )
    return next(iter(found.values()))
