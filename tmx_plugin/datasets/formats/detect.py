# SPDX-License-Identifier: Apache-2.0
"""Which annotation format a file is in."""

from pathlib import Path
from typing import NamedTuple

from ...errors import FormatError
from .registry import FORMATS
from .sniff import Probe


class Guess(NamedTuple):
    """A format that fits a file, and why."""

    name: str
    reason: str


def refuse_pickle(path) -> None:
    """Raise a FormatError that names the csv, for a pickled file."""
    path = Path(path)
    if path.suffix.lower() in ('.pkl', '.pickle'):
        raise FormatError(
            path,
            f'a file that cannot run code (EPIC-Kitchens publishes {path.stem}.csv beside it)',
            'a pickle',
        )


def guess_formats(path) -> list[Guess]:
    """Formats that a file or folder may be in, the best first.

    Raises:
        FileNotFoundError: There is no such file.
        FormatError: If it is in none of them.
    """
    path = Path(path)
    refuse_pickle(path)
    probe = Probe(path)
    guesses = [
        Guess(item.name, reason) for item in FORMATS.values() if (reason := item.reason(probe))
    ]
    if not guesses:
        found = (
            repr(probe.header[:200])
            if probe.header
            else (
                f'keys {sorted(probe.json)[:5]}'
                if isinstance(probe.json, dict)
                else 'something else'
            )
        )
        raise FormatError(
            path,
            f'one of the formats {", ".join(FORMATS)}; a table needs the '
            'columns video,start,end,label or --columns',
            found,
        )
    return guesses


def detect_format(path) -> str:
    """Name of the format of a file or folder, by its content.

    Returns:
        str: A key of :data:`.registry.FORMATS`.

    Raises:
        FileNotFoundError: There is no such file.
        FormatError: If it is in none of them.
    """
    return guess_formats(path)[0].name
