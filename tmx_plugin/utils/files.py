# SPDX-License-Identifier: Apache-2.0
"""Names of files, and writing them so that a half-written one can never be seen."""

import hashlib
import os
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from ..errors import TmxError

#: Endings of video files, in small letters.
VIDEO_SUFFIXES = (
    '.mp4',
    '.mkv',
    '.avi',
    '.mov',
    '.webm',
    '.m4v',
    '.mpg',
    '.mpeg',
    '.flv',
    '.wmv',
    '.ts',
)
#: Most bytes of the stem of a file, so that suffixes still fit into the usual 255.
MAX_STEM = 200


class WriteError(TmxError, OSError):
    """A file could not be written; the message says which, why, and how much space was free.

    Args:
        errno (int): The system's number of the error.
        message (str): What the error is, in a sentence.
    """

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(message)
        # The constructor of OSError, which would set them, is not reached: ValueError's is.
        self.errno, self.strerror = errno, message


def file_name(video_id: str) -> str:
    """``video_id`` as the stem of a file: special characters but blanks become ``_``.

    A name that is longer than file systems take is cut, and a hash keeps it apart from others.
    """
    name = re.sub(r'[^\w. -]', '_', video_id)
    encoded = name.encode('utf-8')
    if len(encoded) <= MAX_STEM:
        return name
    digest = hashlib.sha256(video_id.encode('utf-8', 'surrogatepass')).hexdigest()[:12]
    return f'{encoded[: MAX_STEM - 13].decode("utf-8", "ignore")}_{digest}'


def describe_cut_name(video_id: str) -> str:
    """A sentence that says what the files of a video with too long a name are called, or ''."""
    stem = file_name(video_id)
    if len(stem) == len(video_id):  # other characters are replaced one by one
        return ''
    return f'the name of video {video_id[:40]}… is too long for files; they are called {stem}'


@contextmanager
def atomic_write(path, mode: str = 'w', **open_kwargs):
    """Open ``path`` for writing; it appears whole when the block ends, or not at all.

    The data go to a temporary file in the same folder (created if needed), which is synced to
    the disk and renamed over ``path`` on success, and removed on any error. The folder is synced
    as well, so that a power cut leaves the old file or the new one, never an empty one.

    Args:
        path (str | Path): The file to write.
        mode (str): ``'w'`` (text, UTF-8) or ``'wb'``.
        **open_kwargs: Passed to :func:`open`.

    Yields:
        IO: The open temporary file.

    Raises:
        WriteError: The disk is full, the folder cannot be written to, and the like.
    """
    path = Path(path)
    if 'b' not in mode:
        open_kwargs.setdefault('encoding', 'utf-8')
    with explained_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary_beside(path)
        try:
            with open(temporary, mode, **open_kwargs) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


class _Sink:
    """A file that NumPy has to write through."""

    def __init__(self, file) -> None:
        self.write = file.write


def save_array(path, array: np.ndarray) -> None:
    """``numpy.save`` to a file that appears whole, or not at all.

    NumPy itself writes past Python's file, and does not notice that the last bytes of an array had
    no room on the disk.

    Args:
        path (str | Path): The .npy file.
        array (np.ndarray): Numbers of any shape.

    Raises:
        WriteError: The disk is full, the folder cannot be written to, and the like.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_array(f'{folder}/x.npy', np.arange(3))
        ...     np.load(f'{folder}/x.npy')
        array([0, 1, 2])
    """
    with atomic_write(path, 'wb') as file:
        np.lib.format.write_array(_Sink(file), np.asanyarray(array), allow_pickle=False)


def _temporary_beside(path: Path) -> str:
    """A new empty file in the folder of ``path``, with the mode that ``open`` would give it."""
    # The suffix stays last: savers such as matplotlib choose the format by it.
    # The stem is cut, so that the name is no longer than a file system takes.
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f'.{path.stem[:40]}.', suffix=f'.part{path.suffix[:16]}'
    )
    os.close(handle)
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(temporary, 0o666 & ~umask)
    return temporary


def sync_folder(folder) -> None:
    """Make renames and removals in ``folder`` outlast a power cut, where the system can."""
    with suppress(OSError):  # Windows, and some network drives, do not open folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def free_bytes(path) -> int:
    """Bytes free on the disk that holds ``path``, which need not exist yet; -1 if unknown."""
    for folder in (Path(path), *Path(path).absolute().parents):
        with suppress(OSError):
            return shutil.disk_usage(folder).free
    return -1


@contextmanager
def explained_os_errors(path):
    """Turn an error of the system while ``path`` is written into a :class:`WriteError`.

    Errors that name a file elsewhere, such as one that is read in the block, are left alone.
    """
    path = Path(path)
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        named = Path(error.filename).absolute() if isinstance(error.filename, str) else None
        elsewhere = (
            named is not None
            and named not in path.absolute().parents
            and (named.parent != path.absolute().parent)
        )
        if error.errno is None or elsewhere:
            raise
        raise write_error(path, error) from error


def write_error(path, error: OSError) -> WriteError:
    """The sentence for ``error``, which the system raised while ``path`` was written."""
    free = free_bytes(path)
    known = f'; {free / 1e6:.1f} MB are free on its disk' if free >= 0 else ''
    number = error.errno or 0
    reason = os.strerror(number) if number else error.strerror
    return WriteError(number, f'could not write {path}: {reason}{known}')
