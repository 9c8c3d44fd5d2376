# SPDX-License-Identifier: Apache-2.0
"""Unpack archives of features and annotations that others made."""

import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Callable

from ..errors import DataError, MissingFileError
from ..utils.files import atomic_write, free_bytes

#: What data sets consist of; other members are left in the archive.
SUFFIXES = ('.npy', '.npz', '.json', '.txt', '.csv', '.bundle', '.h5', '.hdf5', '.pt')
#: Most members that are unpacked, and bytes that have to stay free on the disk.
MAX_MEMBERS, RESERVE = 200_000, 1 << 30


def unpack(source, folder) -> Path:
    """Unpack an archive below ``folder``; folders and other files stay where they are.

    Only plain files with a suffix of :data:`SUFFIXES` are written. Links are left out.

    Args:
        source (str | Path): A ``.tar``, ``.tar.gz``, ``.tgz``, ``.zip`` or a folder or file.
        folder (str | Path): Where to unpack.

    Returns:
        Path: The folder that was written, or ``source``.

    Raises:
        MissingFileError: If there is no such file or folder.
        DataError: If the archive is damaged, a member would leave the folder, or it is larger than
            the disk has room for.
    """
    source = Path(source)
    if not source.exists():
        raise MissingFileError(f'{source}: no such archive or folder')
    if source.is_dir():
        return source
    if zipfile.is_zipfile(source) and source.suffix != '.npz':
        members = _zip_members
    elif tarfile.is_tarfile(source):
        members = _tar_members
    else:
        return source
    target = Path(folder, source.name.split('.')[0])
    free = free_bytes(target)
    room = float('inf') if free < 0 else free - RESERVE
    try:
        for count, (name, size, open_member) in enumerate(members(source), 1):
            room -= size
            if count > MAX_MEMBERS or room < 0:
                raise DataError(
                    f'{source}: too large to unpack: more than {MAX_MEMBERS} files, or '
                    f'more than the disk of {target} has room for'
                )
            with open_member() as member, atomic_write(target / _safe(name, source), 'wb') as file:
                shutil.copyfileobj(member, file, 1 << 20)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise DataError(f'{source}: damaged, cut off or encrypted ({error})') from error
    return target


def _safe(name: str, source: Path) -> PurePosixPath:
    """A member's path inside the folder it is unpacked to."""
    path = PurePosixPath(name.replace('\\', '/'))
    if path.is_absolute() or '..' in path.parts or any(':' in part for part in path.parts):
        raise DataError(
            f'{source}: the member {name!r} would be written outside its folder; '
            'nothing more was unpacked'
        )
    return path


def _wanted(name: str) -> bool:
    path = PurePosixPath(name.replace('\\', '/'))
    return path.suffix.lower() in SUFFIXES and not path.name.startswith('.')


def _tar_members(source: Path) -> Iterator[tuple[str, int, Callable[[], Any]]]:
    with tarfile.open(source, 'r|*') as archive:  # a stream: read once, from front to end
        for member in archive:
            if member.isreg() and _wanted(member.name):
                yield member.name, member.size, partial(archive.extractfile, member)


def _zip_members(source: Path) -> Iterator[tuple[str, int, Callable[[], Any]]]:
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            if not member.is_dir() and _wanted(member.filename):
                yield (
                    member.filename,
                    member.file_size,
                    partial(archive.open, member),
                )
