# SPDX-License-Identifier: Apache-2.0
"""Annotation jsons with a ``database`` object: OpenTAD, ActionFormer and MultiTHUMOS style."""

from ...errors import FormatError
from ...utils.text_files import read_json
from ..annotation_files import read_annotations
from .assemble import VideoEntry, assemble
from .document import AnnotationDocument


def read_database_json(
    sources, *, videos=None, classes=None, subsets=None, on_reversed='error', order_by_id=False
) -> AnnotationDocument:
    """Read one or several jsons of the ``database`` family.

    Args:
        sources (Sequence[str | Path]): The files.
        videos (VideoInfo, optional): Durations, frames and fps that replace those of the file.
        classes (str | Path, optional): Ordered class list. Default: see ``order_by_id``.
        subsets (dict, optional): New names of subsets. Default: :func:`subset_names`.
        on_reversed (str): See :func:`.assemble.assemble`.
        order_by_id (bool): Order the classes by ``label_id`` where every label has one, else by
            name.

    Returns:
        AnnotationDocument: The annotations, in the order of the files.

    Raises:
        FileNotFoundError, DataError: A file is missing, damaged or not of this format, or none
            has a subset that ``subsets`` names.
    """
    entries: dict[str, VideoEntry] = {}
    ids: dict = {}
    files = [(path, read_annotations(path, facts=videos)) for path in sources]
    rename = subset_names(video.subset for _, content in files for video in content)
    unknown = [name for name in subsets or {} if name not in rename]
    if unknown:
        raise FormatError(
            ', '.join(map(str, sources)),
            f'a subset {unknown[0]!r} to rename',
            f'only {", ".join(map(repr, sorted(rename)))}',
        )
    rename.update(subsets or {})
    for path, content in files:
        for video in content:
            if video.video_id in entries:
                raise FormatError(path, 'each video in one file', 'it again', video.video_id)
            entries[video.video_id] = VideoEntry(
                video.video_id,
                str(path),
                [
                    (label, *times)
                    for label, times in zip(video.labels, video.segments_sec.tolist())
                ],
                dict(duration=video.duration, frame=video.num_frames, fps=video.fps),
                rename[video.subset],
            )
        if order_by_id:
            _collect_ids(path, ids)
    document = assemble(entries.values(), videos=videos, classes=classes, on_reversed=on_reversed)
    by_id = [ids[number] for number in sorted(ids)]
    if classes is None and {*by_id} == {*document.classes}:
        document.classes = by_id
    changed = {old: new for old, new in rename.items() if old != new}
    if changed:
        document.notes.append(
            'subsets were renamed: ' + ', '.join(f'{old} -> {new}' for old, new in changed.items())
        )
    return document


def _collect_ids(path, ids: dict):
    """Add the names of a file's ``label_id`` to ``ids``; an id must always mean one name."""
    for name, video in read_json(path)['database'].items():
        for item in video.get('annotations', []):
            number = item.get('label_id')
            if number is None:
                continue
            if isinstance(number, bool) or not isinstance(number, int):
                raise FormatError(path, '"label_id" as a whole number', repr(number)[:80], name)
            label = item['label'].strip()
            if ids.setdefault(number, label) != label:
                raise FormatError(
                    path, f'label_id {number} to be {ids[number]!r}', repr(label), name
                )


def subset_names(subsets) -> dict:
    """Names of subsets as the configurations of this project use them.

    Files of THUMOS-14 and MultiTHUMOS in ActionFormer style train on ``Validation`` and test on
    ``Test``; both are called ``training`` and ``validation`` here. Other names are written in
    small letters.
    """
    small = {name: name.lower() for name in dict.fromkeys(subsets)}
    if set(small.values()) == {'validation', 'test'}:
        thumos = {'validation': 'training', 'test': 'validation'}
        return {name: thumos[lower] for name, lower in small.items()}
    return small


def read_opentad(sources, **options) -> AnnotationDocument:
    """OpenTAD / ActivityNet style; classes by name."""
    return read_database_json(sources, **options)


def read_actionformer(sources, **options) -> AnnotationDocument:
    """ActionFormer style, which the paper's own release uses; classes by ``label_id``."""
    return read_database_json(sources, order_by_id=True, **options)


def read_multithumos(sources, **options) -> AnnotationDocument:
    """MultiTHUMOS in ActionFormer style.

    Its ``label_id`` is not the order of the published class list, which is by name.
    """
    return read_database_json(sources, **options)
