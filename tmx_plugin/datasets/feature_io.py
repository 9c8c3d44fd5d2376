# SPDX-License-Identifier: Apache-2.0
"""Reading of feature files: one (T, C) array of numbers a file, never any code."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch

from ..errors import ConfigError, DataError, MissingFileError, MissingPackageError
from .feature_archives import (
    MAX_DECOMPRESSED,
    is_number_type,
    npz_members,
    peek_member,
    read_member,
    read_npy,
    read_tensors,
    tensor_to_array,
)

#: Name under which containers (.npz, .h5, torch-saved dicts) hold the features.
ARRAY_KEY = 'feats'
#: Endings of files that run code when they are read, and so are not.
PICKLE_SUFFIXES = ('.pkl', '.pickle')


def read_features(path, layout: str = 'tc', video: Optional[str] = None) -> np.ndarray:
    """Read one feature file.

    Args:
        path (str | Path): A file ending in ``.npy``, ``.npz``, ``.pt`` / ``.pth``, ``.csv`` or
            ``.h5`` / ``.hdf5``. Containers hold one array, or name it ``feats``.
        layout (str): ``'tc'`` where the file holds (T, C), ``'ct'`` where it holds (C, T).
        video (str, optional): The video concerned, for messages.

    Returns:
        np.ndarray: (T, C) features in the type of the file. Of ``.npy``, uncompressed ``.npz`` and
        ``.pt`` files this is a read-only memory map, so that slicing reads just the slice.

    Raises:
        MissingFileError: There is no such file.
        DataError: The file is damaged, a pickle file, announces more than it has or than fits
            :data:`MAX_DECOMPRESSED`, or holds anything but a matrix of numbers.
    """
    where = _where(path, video)
    array = _call(_READERS, path, layout, video)
    numeric = isinstance(array, np.ndarray) and is_number_type(array.dtype)
    if not numeric or array.ndim != 2 or 0 in array.shape:
        found = (
            f'shape {array.shape} of {array.dtype}'
            if isinstance(array, np.ndarray)
            else type(array).__name__
        )
        raise DataError(
            f'{where}: expected a matrix of numbers, {layout[0].upper()} x '
            f'{layout[1].upper()}, found {found}'
        )
    return array if layout == 'tc' else array.T


def peek_shape(path, layout: str = 'tc', video: Optional[str] = None) -> tuple:
    """Shape (T, C) of the features in a file, without reading them where its format allows it.

    Args:
        path, layout, video: As for :func:`read_features`.

    Raises:
        MissingFileError, DataError: As :func:`read_features`.
    """
    if Path(path).suffix not in _PEEKERS:
        return read_features(path, layout, video).shape
    shape = tuple(_call(_PEEKERS, path, layout, video))
    if len(shape) != 2 or 0 in shape:
        raise DataError(
            f'{_where(path, video)}: expected a matrix of numbers, {layout[0].upper()} '
            f'x {layout[1].upper()}, found shape {shape}'
        )
    return shape if layout == 'tc' else shape[::-1]


class AmbiguousArrayError(ValueError):
    """A container holds no array that is the only one or has the name of the features."""


def array_of(content):
    """The features in what a container held: the one array, or that named ``feats``.

    Raises:
        AmbiguousArrayError: There are several, and none has this name.
    """
    return content[_only_key(content)] if isinstance(content, dict) else content


def _where(path, video: Optional[str]) -> str:
    return f'{path}' if video is None else f'{path}: video {video!r}'


def _call(readers: dict, path, layout: str, video: Optional[str]):
    """What the reader for a file's ending returns; whatever it raises as a sentence."""
    path, where = Path(path), _where(path, video)
    if layout not in ('tc', 'ct'):
        raise ConfigError(f"layout must be 'tc' (time first) or 'ct', not {layout!r}")
    if path.suffix in PICKLE_SUFFIXES:
        raise DataError(
            f'{where}: a pickle file can run code and is not read; if you trust its '
            'source, convert it: tools/convert/pickle_features.py --trust-pickle '
            f'{path}'
        )
    if path.suffix not in _READERS:
        raise DataError(
            f'{where}: expected a feature file ending in one of '
            f'{", ".join(_READERS)}, found {path.suffix!r}'
        )
    if not path.is_file():
        raise MissingFileError(
            f'{where}: feature file not found'
            + (
                ' (it is a folder)'
                if path.is_dir()
                else ' (it is no regular file)'
                if path.exists()
                else ''
            )
        )
    try:
        return readers[path.suffix](path)
    except MissingPackageError:
        raise
    except AmbiguousArrayError as error:
        raise DataError(f'{where}: {error}') from error
    except Exception as error:  # damage makes zlib, tokenize and pickle raise all kinds of errors
        reason = str(error).split('\n')[0][:300]
        raise DataError(
            f'{where}: expected a whole {path.suffix} file of numbers, found: '
            f'{reason or type(error).__name__}'
        ) from error


def _read_npz(path: Path, read_one: Callable = read_member) -> Any:
    with zipfile.ZipFile(path) as archive:
        members = npz_members(archive)
        return read_one(path, archive, members[_only_key(members)])


def _peek_npz(path: Path) -> tuple:
    return _read_npz(path, peek_member)


def _read_torch(path: Path) -> np.ndarray:
    content = array_of(read_tensors(path))
    return tensor_to_array(content) if isinstance(content, torch.Tensor) else content


def _read_csv(path: Path) -> np.ndarray:
    with open(path, encoding='utf-8-sig') as file:
        first = file.readline()
        if not first:
            raise ValueError('an empty file')
        file.seek(0)
        return np.loadtxt(
            file, dtype=np.float32, delimiter=',', ndmin=2, skiprows=int(not _is_numeric(first))
        )


def _peek_csv(path: Path) -> tuple:
    with open(path, encoding='utf-8-sig') as file:
        first = file.readline()
        if not first:
            raise ValueError('an empty file')
        rows = int(_is_numeric(first)) + sum(1 for line in file if not line.isspace())
        return rows, first.count(',') + 1


def _read_h5(path: Path) -> np.ndarray:
    return _with_dataset(path, lambda dataset: dataset[()])


def _peek_h5(path: Path) -> tuple:
    return _with_dataset(path, lambda dataset: dataset.shape)


def _with_dataset(path: Path, action):
    """Result of a function of the one data set in an .h5 file that holds its numbers itself."""
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f'{path}: reading .h5 features needs h5py: pip install "tmx_plugin[h5]"'
        ) from error
    with h5py.File(path, 'r') as file:
        names = [
            name
            for name in file
            if isinstance(file.get(name, getlink=True), h5py.HardLink)
            and isinstance(file[name], h5py.Dataset)
        ]
        dataset = file[_only_key(names)]
        if dataset.is_virtual or dataset.external:
            raise ValueError('values that lie in other files')
        if not is_number_type(dataset.dtype):
            raise ValueError(f'values of {dataset.dtype}')
        stored = dataset.id.get_storage_size()
        if dataset.nbytes > max(MAX_DECOMPRESSED, stored) or dataset.nbytes and not stored:
            raise ValueError(f'{dataset.nbytes} bytes announced, of which {stored} are stored')
        return action(dataset)


_READERS = {
    '.npy': read_npy,
    '.npz': _read_npz,
    '.pt': _read_torch,
    '.pth': _read_torch,
    '.csv': _read_csv,
    '.h5': _read_h5,
    '.hdf5': _read_h5,
}
_PEEKERS = {'.npz': _peek_npz, '.csv': _peek_csv, '.h5': _peek_h5, '.hdf5': _peek_h5}
#: Endings of the files that :func:`read_features` reads.
FEATURE_SUFFIXES = tuple(_READERS)


def _only_key(keys) -> str:
    keys = list(keys)
    if ARRAY_KEY in keys:
        return ARRAY_KEY
    if len(keys) != 1:
        raise AmbiguousArrayError(
            f'expected one array or one named {ARRAY_KEY!r}, found {len(keys)}: {keys[:5]}'
        )
    return keys[0]


def _is_numeric(line: str) -> bool:
    try:
        [float(x) for x in line.split(',')]
    except ValueError:
        return False
    return True
