# SPDX-License-Identifier: Apache-2.0
"""The THUMOS challenge's own text files: one a class, lines ``video start end`` in seconds."""

from pathlib import Path

from ...errors import FormatError
from ...utils.text_files import read_text
from .assemble import VideoEntry, assemble, entry_of
from .document import AnnotationDocument
from .fields import parse_seconds

# The challenge's validation videos are trained on, its test videos are tested on.
SUBSET_OF_SUFFIX = {'val': 'training', 'test': 'validation'}


def _class_files(sources) -> list:
    files = []
    for source in map(Path, sources):
        if source.is_dir():
            found = [path for path in sorted(source.glob('*.txt')) if '_' in path.stem]
            if not found:
                raise FormatError(source, 'text files CLASS_val.txt or CLASS_test.txt', 'none')
            files += found
        else:
            files.append(source)
    return files


def read_thumos_txt(sources, *, videos, classes=None, on_reversed='error') -> AnnotationDocument:
    """Read the files ``CLASS_val.txt`` and ``CLASS_test.txt``.

    The classes are ordered by name, as in the challenge's list.

    Args:
        sources (Sequence[str | Path]): Files, or folders of them.
        videos (VideoInfo): Durations and frames, which the text files lack.
        classes, on_reversed: See :func:`.assemble.assemble`.

    Raises:
        FormatError: If a file or line is not of this format.
    """
    entries: dict[str, VideoEntry] = {}
    for path in _class_files(sources):
        label, _, suffix = path.stem.rpartition('_')
        if not label or suffix not in SUBSET_OF_SUFFIX:
            raise FormatError(path, 'a name CLASS_val.txt or CLASS_test.txt', repr(path.name))
        for number, line in enumerate(read_text(path).splitlines(), 1):
            fields = line.split()
            if not fields:
                continue
            source = f'{path}:{number}'
            if len(fields) != 3:
                raise FormatError(source, 'a line "video start end"', repr(line[:80]))
            name = fields[0]
            start, end = (parse_seconds(field, source, name) for field in fields[1:])
            entry = entry_of(entries, name, path, SUBSET_OF_SUFFIX[suffix], source)
            entry.facts = entry.facts or videos.require(name, source)
            entry.segments.append((label, start, end, source))
    return assemble(entries.values(), classes=classes, on_reversed=on_reversed)
