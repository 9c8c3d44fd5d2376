# SPDX-License-Identifier: Apache-2.0
"""Reading of feature files: one (T, C) array of numbers a file, never any code."""
import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch

from ..errors import ConfigError, DataError, MissingFileError, MissingPackageError

#: Name under which containers (.npz, .h5, pickled or torch-saved dicts) hold the features.
ARRAY_KEY = 'feats'


def read_features(path, layout: str = 'tc') -> np.ndarray:
    """Read one feature file.

    Args:
        path (str | Path): A file ending in ``.npy``, ``.npz``, ``.pt`` / ``.pth``, ``.pkl``,
            ``.csv`` or ``.h5`` / ``.hdf5``. Containers hold one array, or name it ``feats``.
        layout (str): ``'tc'`` where the file holds (T, C), ``'ct'`` where it holds (C, T).

    Returns:
        np.ndarray: (T, C) features in the type of the file. Of ``.npy`` and uncompressed
        ``.npz`` files this is a read-only memory map, so that slicing reads just the slice.

    Raises:
        MissingFileError: There is no such file.
        DataError: The file is damaged, would need code to be run for reading it, or holds
            anything but a matrix of numbers.
    """
    path = Path(path)
    if layout not in ('tc', 'ct'):
        raise ConfigError(f"layout must be 'tc' (time first) or 'ct', not {layout!r}")
    if path.suffix not in _READERS:
        raise DataError(f'{path}: expected a feature file ending in one of '
                        f'{", ".join(_READERS)}, found {path.suffix!r}')
    if not path.is_file():
        raise MissingFileError(f'{path}: the feature file is not there')
    try:
        array = _READERS[path.suffix](path)
    except (DataError, MissingPackageError):
        raise
    except Exception as error:  # damage makes zlib, tokenize and pickle raise all kinds of errors
        raise DataError(f'{path}: expected a whole {path.suffix} file of numbers, found: '
                        f'{error or type(error).__name__}') from error
    numeric = isinstance(array, np.ndarray) and (
        np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer))
    if not numeric or array.ndim != 2 or 0 in array.shape:
        found = (f'shape {array.shape} of {array.dtype}' if isinstance(array, np.ndarray)
                 else type(array).__name__)
        raise DataError(f'{path}: expected a matrix of numbers, {layout[0].upper()} x '
                        f'{layout[1].upper()}, found {found}')
    return array if layout == 'tc' else array.T


def peek_shape(path, layout: str = 'tc'):
    """Shape (T, C) of a ``.npy`` file, from its first bytes; None of other formats.

    Raises:
        FileNotFoundError, DataError: As :func:`read_features`.
    """
    return read_features(path, layout).shape if Path(path).suffix == '.npy' else None


def _read_npy(path: Path) -> np.ndarray:
    # Neither pickled objects nor a file shorter than its header says can be mapped.
    return np.lib.format.open_memmap(path, mode='r')


def _read_npz(path: Path) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix('.npy'): info for info in archive.infolist()}
        name = _only_key(path, members)
        if members[name].compress_type == zipfile.ZIP_STORED:
            return _map_member(path, members[name])
    with np.load(path, allow_pickle=False) as archive:
        return archive[name]


def _map_member(path: Path, member: zipfile.ZipInfo) -> np.ndarray:
    """Map an uncompressed array inside an .npz file, which is a zip of .npy files."""
    with open(path, 'rb') as file:
        # A member starts with a header of 30 bytes that ends in the lengths of two more fields.
        file.seek(member.header_offset)
        lengths = struct.unpack('<HH', file.read(30)[26:])
        file.seek(sum(lengths), os.SEEK_CUR)
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError('an array header that is not version 1.0, as all plain arrays have')
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.hasobject:
            raise ValueError('pickled objects')
        return np.memmap(path, dtype, mode='r', offset=file.tell(), shape=shape,
                         order='F' if fortran_order else 'C')


def _read_torch(path) -> np.ndarray:
    return _to_array(path, _load_tensors(path))


def _load_tensors(file):
    """``torch.load`` that runs no code, with an error that does not advise to run it."""
    try:
        return torch.load(file, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError('content that is no tensor; nothing of it was run') from error


def _read_pickle(path: Path) -> np.ndarray:
    with open(path, 'rb') as file:
        # latin1 is what arrays pickled by Python 2 need.
        return _to_array(path, _ArrayUnpickler(file, encoding='latin1').load())


def _read_csv(path: Path) -> np.ndarray:
    with open(path, encoding='utf-8-sig') as file:
        first = file.readline()
        if not first:
            raise ValueError('an empty file')
        file.seek(0)
        return np.loadtxt(file, dtype=np.float32, delimiter=',', ndmin=2,
                          skiprows=int(not _is_numeric(first)))


def _read_h5(path: Path) -> np.ndarray:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f'{path}: reading .h5 features needs h5py: pip install "tmx_plugin[h5]"') from error
    with h5py.File(path, 'r') as file:
        names = [name for name in file if isinstance(file[name], h5py.Dataset)]
        return file[_only_key(path, names)][()]


_READERS = {'.npy': _read_npy, '.npz': _read_npz, '.pt': _read_torch, '.pth': _read_torch,
            '.pkl': _read_pickle, '.csv': _read_csv, '.h5': _read_h5, '.hdf5': _read_h5}
#: Endings of the files that :func:`read_features` reads.
FEATURE_SUFFIXES = tuple(_READERS)


def _only_key(path: Path, keys) -> str:
    keys = list(keys)
    if ARRAY_KEY in keys:
        return ARRAY_KEY
    if len(keys) != 1:
        raise DataError(f'{path}: expected one array or one named {ARRAY_KEY!r}, found '
                        f'{len(keys)}: {keys[:5]}')
    return keys[0]


def _to_array(path: Path, content):
    if isinstance(content, dict):
        content = content[_only_key(path, content)]
    if isinstance(content, torch.Tensor):
        content = content.detach()
        # numpy has no bfloat16.
        return (content.float() if content.dtype == torch.bfloat16 else content).numpy()
    return content


def _is_numeric(line: str) -> bool:
    try:
        [float(x) for x in line.split(',')]
    except ValueError:
        return False
    return True


def _load_storage(data: bytes):
    """Safe stand-in for the function by which a plainly pickled tensor loads its values."""
    return _load_tensors(io.BytesIO(data))


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler that knows arrays, tensors and builtin containers, and refuses all else."""

    _ALLOWED = {
        'builtins': {'set', 'frozenset', 'bytearray'},
        'collections': {'OrderedDict'},
        '_codecs': {'encode'},
        'numpy': {'ndarray', 'dtype'},
        **{f'numpy.{core}.multiarray': {'_reconstruct', 'scalar'} for core in ('core', '_core')},
        **{f'numpy.{core}.numeric': {'_frombuffer'} for core in ('core', '_core')},
        'torch._utils': {'_rebuild_tensor_v2'},
    }

    def find_class(self, module, name):
        if (module, name) == ('torch.storage', '_load_from_bytes'):
            return _load_storage
        if name not in self._ALLOWED.get(module, ()):
            raise pickle.UnpicklingError(
                f'{module}.{name}, which is no array; nothing in the file was run')
        if not hasattr(np, '_core'):  # numpy 1.25 and older, a file from a newer one
            module = module.replace('numpy._core', 'numpy.core')
        return super().find_class(module, name)
