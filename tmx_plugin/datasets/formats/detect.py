# SPDX-License-Identifier: Apache-2.0
"""Which annotation format a file is in."""
from pathlib import Path

from ...errors import FormatError
from ..text_files import read_json, read_text
from .epic import FLAT, OFFICIAL
from .table import COLUMNS
from .thumos_txt import SUBSET_OF_SUFFIX


def detect_format(path) -> str:
    """Name of the format of a file or folder, by its content.

    Returns:
        str: 'opentad', 'actionformer', 'multithumos', 'thumos-txt', 'frames-txt', 'epic',
        'csv' or 'label-studio'.

    Raises:
        MissingFileError: There is no such file.
        FormatError: If it is in none of them.
    """
    path = Path(path)
    if path.is_dir() or path.suffix.lower() == '.txt':
        return _detect_txt(path)
    return _detect_json(path) if path.suffix.lower() == '.json' else _detect_csv(path)


def _detect_txt(path) -> str:
    """Files of a class are named after it and its subset; files of a video after the video."""
    files = sorted(path.rglob('*.txt')) if path.is_dir() else [path]
    if not files:
        raise FormatError(path, 'text files', 'none')
    endings = tuple(f'_{suffix}' for suffix in SUBSET_OF_SUFFIX)
    of_classes = all(file.stem.endswith(endings) for file in files)
    return 'thumos-txt' if of_classes else 'frames-txt'


def _detect_json(path) -> str:
    content = read_json(path)
    if isinstance(content, list):
        return 'label-studio'
    database = content.get('database') if isinstance(content, dict) else None
    if not isinstance(database, dict):
        raise FormatError(path, 'a json object with "database" or a list of tasks',
                          sorted(content)[:5] if isinstance(content, dict) else repr(content)[:80])
    if 'multithumos' in str(content.get('version', '')).lower():
        return 'multithumos'
    items = (item for video in database.values() if isinstance(video, dict)
             for item in video.get('annotations') or [] if isinstance(item, dict))
    return 'actionformer' if any('label_id' in item for item in items) else 'opentad'


def _detect_csv(path) -> str:
    header = read_text(path).splitlines()[0]
    for delimiter in ',;\t':
        columns = {name.strip().lower() for name in header.split(delimiter)}
        if columns >= set(OFFICIAL) or columns >= set(FLAT):
            return 'epic'
        if columns >= set(COLUMNS):
            return 'csv'
    raise FormatError(path, f'a header with the columns {",".join(COLUMNS)}', repr(header[:200]))
