# SPDX-License-Identifier: Apache-2.0
"""Tables, times and names in annotation files, with errors that say what is wrong where."""

import csv
import io
import re
from typing import Optional

from ...errors import FormatError
from ...utils.files import VIDEO_SUFFIXES
from ...utils.text_files import read_text


def read_rows(path, *alternatives):
    """Rows of a csv file with a header, as ``(line number, {column: text})``.

    Names of columns are in small letters, however the file writes them.
    The delimiter (comma, semicolon or tab) is the one with which the header has the columns.

    Args:
        path (str | Path): The file.
        *alternatives (Sequence[str]): Columns that must be there; one of several sets will do.

    Raises:
        FormatError: If the columns or all rows are missing, or a row has too few or too many
            fields.
    """
    text = read_text(path)
    wanted = [set(columns) for columns in alternatives]
    for delimiter in ',;\t':
        reader = _reader(text, delimiter)
        header = [name.strip().lower() for name in next(_rows_of(reader, path))]
        if any(columns <= set(header) for columns in wanted):
            break
    else:
        expected = ' or '.join(','.join(columns) for columns in alternatives)
        raise FormatError(
            path, f'a header with the columns {expected}', repr(text.splitlines()[0][:200])
        )
    rows = []
    reader = _reader(text, delimiter, strict=True)  # says which quotes are never closed
    all_rows = _rows_of(reader, path)
    next(all_rows)
    for fields in all_rows:
        if not any(value.strip() for value in fields):
            continue
        if len(fields) < len(header) or any(value.strip() for value in fields[len(header) :]):
            raise FormatError(
                f'{path}:{reader.line_num}',
                f'{len(header)} fields',
                f'{len(fields)} (a text with {delimiter!r} needs double quotes)',
            )
        rows.append((reader.line_num, {name: _value(field) for name, field in zip(header, fields)}))
    if not rows:
        raise FormatError(path, 'at least one row below the header', 'none')
    return rows


def _reader(text: str, delimiter: str, strict: bool = False):
    # A field in quotes may hold line breaks: the reader sees the text, not lines.
    return csv.reader(io.StringIO(text, newline=''), delimiter=delimiter, strict=strict)


def _value(field: str) -> str:
    """A field without the apostrophe that keeps spreadsheets from computing it."""
    text = field.strip()
    return text[1:] if re.match(r"' *[=+@\t\r-]", text) else text


def _rows_of(reader, path):
    try:
        yield from reader
    except csv.Error as error:
        raise FormatError(f'{path}:{reader.line_num}', 'a row of a csv file', error) from error


def parse_seconds(text: str, source, video=None) -> float:
    """Seconds of ``12.5``, ``MM:SS.ff`` or ``HH:MM:SS.ff``.

    Raises:
        FormatError: If the text is none of these.
    """
    parts = text.split(':')
    try:
        clock = len(parts) > 1
        if (
            len(parts) > 3
            or any(not part.isdigit() for part in parts[:-1])
            or clock
            and not parts[-1][:1].isdigit()
        ):
            raise ValueError
        # Decimal digits are kept: 3600 * h + 60 * m is whole, so only one addition rounds.
        whole = 0
        for part in parts[:-1]:
            whole = 60 * whole + int(part)
        return whole * (60 if clock else 1) + float(parts[-1])
    except ValueError:
        raise FormatError(
            source, 'a time in seconds or as HH:MM:SS.ff', repr(text), video
        ) from None


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
    """Name of a video, as feature files are named: a relative path without the video suffix.

    Absolute paths and addresses lose their folders.

    Examples:
        >>> video_name('P01/cam1.mp4'), video_name('C:\\\\films\\\\a.avi'), video_name('./b.x')
        ('P01/cam1', 'a', 'b.x')
    """
    path = text.strip().replace('\\', '/')
    parts = [part for part in path.split('/') if part not in ('', '.')]
    if path.startswith('/') or ':' in path.split('/')[0] or '..' in parts:
        parts = parts[-1:]
    name = '/'.join(parts)
    stem, dot, suffix = name.rpartition('.')
    return stem if dot and f'.{suffix.lower()}' in VIDEO_SUFFIXES else name


def expect(value, kind, expected: str, path, video: Optional[str] = None):
    """``value``, if it is of a type (or one of several).

    Raises:
        FormatError: It is of another.
    """
    if not isinstance(value, kind):
        raise FormatError(path, expected, repr(value)[:80], video)
    return value
