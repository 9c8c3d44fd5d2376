# SPDX-License-Identifier: Apache-2.0
"""Results on disk as they come: a line a video, whole whenever the process is killed."""

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Optional

from mmengine.logging import print_log

from ..errors import DataError, LaunchError, MissingFileError
from ..utils.files import explained_os_errors
from ..utils.text_files import is_finite
from .activitynet import check_detections
from .checked import require_finite

try:
    import fcntl
except ImportError:  # Windows: nothing keeps a second run out
    fcntl = None  # type: ignore[assignment]

#: Seconds after which what was added is synced to the disk; a killed process loses nothing of it.
SYNC_INTERVAL = 1.0


class Journal(Mapping):
    """Detections of many videos, ``{video: [{'label', 'score', 'segment'}]}``, seconds.

    Adding a video appends a line of json to the file. In memory are the places of the lines, not
    their content. A line that was cut off, by a power cut or a full disk, and what follows it is
    dropped when the file is opened again. While it is open, no other process can open it.

    Args:
        path (str | Path): The file, created if needed. Use :func:`os.path.isfile` to learn
            whether an earlier process left one.
        anew (bool): Whether to drop what the file holds, and to note that for the next process:
            :attr:`anew` is True as long as the file is there.

    Raises:
        LaunchError: Another process has it open.
        MissingFileError: There is something else of this name.
        WriteError: It cannot be written.
    """

    def __init__(self, path: str | Path, anew: bool = False) -> None:
        self.path, self._synced = Path(path), time.monotonic()
        self._places: dict[str, int] = {}
        if self.path.exists() and not self.path.is_file():
            raise MissingFileError(f'{path}: expected a file, found something else')
        with explained_os_errors(path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, 'a+b')  # noqa: SIM115  (closed by close)
        try:
            self._lock()
            if anew:
                self._file.truncate(0)
            self.anew = self._read_places()
            if not self._file.seek(0, os.SEEK_END):
                self.anew = anew
                self._append(dict(anew=anew))
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LaunchError(
                f'{self.path}: another process writes its results here; wait for its end, or '
                'choose another folder'
            ) from None

    def _read_places(self) -> bool:
        """Find the lines; what the first one says of ``anew``."""
        self._file.seek(0)
        end, anew = 0, False
        for number, line in enumerate(self._file):
            entry = _parse(line, self.path)
            if entry is None or (number == 0) != ('anew' in entry):
                print_log(
                    f'{self.path}: line {number + 1} is not whole; it is left out, and what '
                    'follows it',
                    'current',
                    logging.WARNING,
                )
                break
            if number:
                self._places[entry['video']] = end
            else:
                anew = bool(entry['anew'])
            end += len(line)
        self._file.truncate(end)
        return anew

    def _append(self, entry: dict) -> int:
        line = json.dumps(entry, allow_nan=False).encode() + b'\n'
        place = self._file.seek(0, os.SEEK_END)
        with explained_os_errors(self.path):
            try:
                self._file.write(line)
                self._file.flush()
                if time.monotonic() - self._synced > SYNC_INTERVAL:
                    os.fsync(self._file.fileno())
                    self._synced = time.monotonic()
            except OSError:
                os.truncate(self.path, place)
                raise
        return place

    def add(self, entry: Mapping[str, Any]) -> None:
        """Append a video, or replace what was found in it.

        Args:
            entry (dict): ``video`` (name), ``source`` (path or None), ``duration`` (seconds) and
                ``actions``, its detections.

        Raises:
            DataError: A time or score is not finite.
            WriteError: The disk is full, and the like; what the file held before is as it was.
        """
        require_finite({entry['video']: entry['actions']})
        self._places[entry['video']] = self._append(dict(entry))

    def entry(self, video: str) -> dict:
        """All that was added of a video."""
        self._file.seek(self._places[video])
        return json.loads(self._file.readline())

    def __getitem__(self, video: str) -> list:
        return self.entry(video)['actions']

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def close(self, remove: bool = False) -> None:
        """Let go of the file, and remove it where its content is elsewhere by now."""
        if remove:
            self.path.unlink(missing_ok=True)
        self._file.close()


def _parse(line: bytes, path: Path) -> Optional[dict]:
    """The entry in a line, None where it is not whole."""
    try:
        entry = json.loads(line)
        if not isinstance(entry, dict) or not line.endswith(b'\n'):
            return None
        if 'anew' in entry:
            return entry
        if not isinstance(entry['video'], str) or not isinstance(entry['source'], (str, NoneType)):
            return None
        if entry['duration'] is not None and not is_finite(entry['duration']):
            return None
        check_detections(entry['actions'], f'{path}: video {entry["video"]!r}')
    except (ValueError, KeyError, RecursionError, DataError):
        return None
    return entry
