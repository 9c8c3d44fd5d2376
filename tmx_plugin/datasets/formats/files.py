# SPDX-License-Identifier: Apache-2.0
"""Reading text, json and csv files with errors that say what is wrong where."""
import csv
import io
import json
from pathlib import Path

from .document import FormatError

VIDEO_SUFFIXES = ('.mp4', '.mkv', '.avi', '.mov', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv', '.flv')


def read_text(path) -> str:
    """Text of a UTF-8 file (a byte order mark is skipped).

    Raises:
        FileNotFoundError: If there is no such file.
        FormatError: If it is empty or not text.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: the file is not there'
                                + (' (it is a folder)' if path.is_dir() else ''))
    try:
        text = path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise FormatError(path, 'text in UTF-8', f'byte {error.object[error.start]:#04x} at '
                          f'position {error.start}') from error
    if not text.strip():
        raise FormatError(path, 'content', 'an empty file')
    return text


def _unique(pairs):
    items = dict(pairs)
    if len(items) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKey(next(name for name in names if names.count(name) > 1))
    return items


class _DuplicateKey(Exception):
    pass


def read_json(path):
    """Content of a json file.

    Raises:
        FormatError: If the file is missing, empty, cut off, not json, or has a key twice.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        found = 'an end of file (is it cut off?)' if error.pos >= len(text.rstrip()) \
            else repr(text[error.pos:error.pos + 20])
        raise FormatError(path, f'json ({error.msg} at line {error.lineno}, column '
                          f'{error.colno})', found) from error
    except _DuplicateKey as error:
        raise FormatError(path, 'each key once in an object', f'{str(error)!r} twice') from error


def read_rows(path, required, alternative=None):
    """Rows of a csv file with a header, as ``(line number, {column: text})``.

    The delimiter (comma, semicolon or tab) is the one with which the header has the columns.

    Args:
        path (str | Path): The file.
        required (Sequence[str]): Columns that must be there.
        alternative (Sequence[str], optional): Columns that do as well.

    Raises:
        FormatError: If the columns or all rows are missing, or a row has too few fields.
    """
    text = read_text(path)
    wanted = [set(columns) for columns in (required, alternative) if columns]
    for delimiter in ',;\t':
        # A field in quotes may hold line breaks: the reader sees the text, not lines.
        reader = csv.reader(io.StringIO(text, newline=''), delimiter=delimiter)
        header = [name.strip() for name in next(reader)]
        if any(columns <= set(header) for columns in wanted):
            break
    else:
        expected = ' or '.join(','.join(columns) for columns in (required, alternative) if columns)
        raise FormatError(path, f'a header with the columns {expected}',
                          repr(text.splitlines()[0][:200]))
    rows = []
    for fields in reader:
        if not any(value.strip() for value in fields):
            continue
        if len(fields) < len(header):
            raise FormatError(f'{path}:{reader.line_num}', f'{len(header)} fields', len(fields))
        rows.append((reader.line_num,
                     {name: value.strip() for name, value in zip(header, fields)}))
    if not rows:
        raise FormatError(path, 'at least one row below the header', 'none')
    return rows


def parse_seconds(text: str, source, video=None) -> float:
    """Seconds of ``12.5``, ``MM:SS.ff`` or ``HH:MM:SS.ff``.

    Raises:
        FormatError: If the text is none of these.
    """
    parts = text.split(':')
    try:
        if len(parts) > 3 or any(not part.isdigit() for part in parts[:-1]):
            raise ValueError
        # Decimal digits are kept: 3600 * h + 60 * m is whole, so only one addition rounds.
        whole = 0
        for part in parts[:-1]:
            whole = 60 * whole + int(part)
        return whole * (60 if len(parts) > 1 else 1) + float(parts[-1])
    except ValueError:
        raise FormatError(source, 'a time in seconds or as HH:MM:SS.ff', repr(text),
                          video) from None


def parse_int(text: str, what: str, source, video=None) -> int:
    """A whole number.

    Raises:
        FormatError: If the text is not one.
    """
    try:
        return int(text)
    except ValueError:
        raise FormatError(source, f'{what} (a whole number)', repr(text), video) from None


def video_name(text: str) -> str:
    """Name of a video without folder and video suffix, as feature files are named."""
    name = text.replace('\\', '/').rsplit('/', 1)[-1]
    stem, dot, suffix = name.rpartition('.')
    return stem if dot and f'.{suffix.lower()}' in VIDEO_SUFFIXES else name
