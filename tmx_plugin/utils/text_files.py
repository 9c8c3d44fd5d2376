# SPDX-License-Identifier: Apache-2.0
"""Reading text and json files with errors that say what is wrong where."""

import json
import math
from pathlib import Path

from ..errors import FormatError, MissingFileError


def read_text(path, *, allow_empty: bool = False) -> str:
    """Text of a UTF-8 file (a byte order mark is skipped).

    Raises:
        MissingFileError: If there is no such file.
        FormatError: If it is not text, or empty and ``allow_empty`` is not set.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(
            f'{path}: file not found'
            + (
                ' (it is a folder)'
                if path.is_dir()
                else ' (it is no regular file)'
                if path.exists()
                else ''
            )
        )
    try:
        text = path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise FormatError(
            path,
            'text in UTF-8',
            f'byte {error.object[error.start]:#04x} at position {error.start}',
        ) from error
    if '\0' in text:
        raise FormatError(path, 'text in UTF-8', f'byte 0x00 at position {text.index(chr(0))}')
    if not allow_empty and not text.strip():
        raise FormatError(path, 'content', 'an empty file')
    return text


def read_json(path):
    """Content of a json file.

    Raises:
        MissingFileError: If there is no such file.
        FormatError: If the file is empty, cut off, not json, or has a key twice.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        found = (
            'an end of file (is it cut off?)'
            if error.pos >= len(text.rstrip())
            else repr(text[error.pos : error.pos + 20])
        )
        raise FormatError(
            path, f'json ({error.msg} at line {error.lineno}, column {error.colno})', found
        ) from error
    except _DuplicateKeyError as error:
        raise FormatError(path, 'each key once in an object', f'{str(error)!r} twice') from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, deep nesting
        raise FormatError(path, 'json', error) from error


def read_lines(path) -> list:
    """Lines of a text file that are not blank, if any, without blanks at their ends."""
    lines = read_text(path, allow_empty=True).splitlines()
    return [line.strip() for line in lines if line.strip()]


def is_finite(value) -> bool:
    """Whether a value from a json is a number, and a finite one that float64 can hold."""
    try:  # bool is an int in Python, but no measure
        return (
            not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
        )
    except OverflowError:
        return False


class _DuplicateKeyError(Exception):
    pass


def _unique(pairs):
    items = dict(pairs)
    if len(items) < len(pairs):
        seen = set()
        # ``add`` returns None: the first name that was seen before is found in one pass.
        raise _DuplicateKeyError(next(name for name, _ in pairs if name in seen or seen.add(name)))
    return items
