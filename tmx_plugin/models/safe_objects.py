# SPDX-License-Identifier: Apache-2.0
"""What a checkpoint may hold besides tensors and plain data: arrays, scalars and log histories.

MMEngine stores its log history as NumPy arrays. NumPy's own reconstruction is not safe with a
file's content: a dtype takes its field offsets from the pickle, and a crafted one makes NumPy read
and write outside its memory. So NumPy's names are answered by the classes here, which know plain
numeric types only, compare every length, and refuse the rest.
"""

import math
import re
from pickle import UnpicklingError

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

_PLAIN_CODE = re.compile(r'[<>=|]?(b1|[iu][1248]|f[248]|[?bhilqBHILQefd])')
_STATISTICS = ('min', 'max', 'current', 'mean')
_MAX_DIMS = 32


class PlainDtype:
    """Stands in for ``numpy.dtype``: booleans, integers and floats of up to 8 bytes."""

    def __init__(self, code, align=False, copy=False) -> None:
        if not isinstance(code, str) or not _PLAIN_CODE.fullmatch(code):
            raise UnpicklingError(f'an array of {str(code)[:40]!r}, expected plain numbers')
        self.dtype = np.dtype(code)

    def __setstate__(self, state) -> None:
        """Take the byte order from a pickled state that says nothing else."""
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in ('<', '>', '=', '|') or state != (3, order, None, None, None, -1, -1, 0):
            raise UnpicklingError('a type of arrays that has fields or a shape of its own')
        self.dtype = self.dtype.newbyteorder(order)


class PlainArray(np.ndarray):
    """Stands in for an array that is being reconstructed from a file."""

    def __new__(cls, subtype=None, shape=(0,), code=b'b') -> 'PlainArray':
        """Make an empty array."""
        return super().__new__(cls, (0,), np.int8)

    def __setstate__(self, state) -> None:
        """Fill in shape, type and values after comparing them with the bytes that there are."""
        if not (isinstance(state, tuple) and len(state) == 5):
            raise UnpicklingError('an array in a form that is not known')
        _, shape, dtype, fortran, data = state
        sound = (
            isinstance(shape, tuple)
            and len(shape) <= _MAX_DIMS
            and all(type(size) is int and size >= 0 for size in shape)
            and type(dtype) is PlainDtype
            and type(fortran) is bool
            and isinstance(data, bytes)
            and math.prod(shape) * dtype.dtype.itemsize == len(data)
        )
        if not sound:
            raise UnpicklingError('an array whose shape, type and bytes do not fit each other')
        super().__setstate__((1, shape, dtype.dtype, fortran, data))

    def __reduce__(self):
        return self.view(np.ndarray).__reduce__()


class ArrayName:
    """Stands in for the class ``numpy.ndarray``, which a pickled array names first."""


def plain_scalar(dtype, data):
    """Stands in for the reconstruction of a NumPy scalar; gives Python's number."""
    if (
        type(dtype) is not PlainDtype
        or not isinstance(data, bytes)
        or (len(data) != dtype.dtype.itemsize)
    ):
        raise UnpicklingError('a number whose type and bytes do not fit each other')
    return np.frombuffer(data, dtype.dtype)[0].item()


class PlainHistory(HistoryBuffer):
    """Stands in for MMEngine's ``HistoryBuffer``: takes its numbers and no functions.

    MMEngine's own class lets a file redefine its statistics for the whole process.
    """

    def __setstate__(self, state) -> None:
        if not isinstance(state, dict):
            raise UnpicklingError('a log history in a form that is not known')
        values, counts = (
            np.asarray(state.get(name)) for name in ('_log_history', '_count_history')
        )
        _check_history(values, counts, state.get('max_length'))
        super().__init__(max_length=state['max_length'])
        self._log_history, self._count_history = np.array(values), np.array(counts)

    def __reduce__(self):
        return HistoryBuffer, (self._log_history, self._count_history, self.max_length)


def _check_history(values: np.ndarray, counts: np.ndarray, max_length) -> None:
    """Refuse a log history that is not two vectors of numbers of one length."""
    if (
        values.ndim != 1
        or values.shape != counts.shape
        or type(max_length) is not int
        or (not {values.dtype.kind, counts.dtype.kind} <= set('biuf'))
    ):
        raise UnpicklingError('a log history that is not two vectors of numbers')


def statistics_name(owner, name) -> str:
    """Stands in for ``getattr``, by which a log history names its statistics; changes nothing."""
    if owner is not PlainHistory or name not in _STATISTICS:
        raise UnpicklingError(f'the attribute {str(name)[:40]!r} of an object')
    return name


def no_bytes() -> bytes:
    """Stands in for the class ``bytes``, which the values of an empty array call."""
    return b''


def allowed_names() -> list[tuple[object, str]]:
    """(stand-in, name in files) of all that is answered, for torch's safe list."""
    numpy = [
        (stand_in, f'numpy.{core}.multiarray.{name}')
        for core in ('_core', 'core')
        for name, stand_in in (('_reconstruct', PlainArray), ('scalar', plain_scalar))
    ]
    return [
        *numpy,
        (PlainDtype, 'numpy.dtype'),
        (ArrayName, 'numpy.ndarray'),
        (statistics_name, 'builtins.getattr'),
        (no_bytes, 'builtins.bytes'),
        (PlainHistory, 'mmengine.logging.history_buffer.HistoryBuffer'),
    ]


def history_to_plain(history: HistoryBuffer) -> dict:
    """A log history as tensors, which every version of torch reads safely."""
    values, counts = history.data
    return dict(
        values=torch.from_numpy(np.array(values)),
        counts=torch.from_numpy(np.array(counts)),
        max_length=history.max_length,
    )


def history_from_plain(plain: dict) -> HistoryBuffer:
    """The inverse of :func:`history_to_plain`.

    Raises:
        UnpicklingError: If it is something else.
    """
    values, counts = (
        value.cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(None)
        for value in (plain.get('values'), plain.get('counts'))
    )
    _check_history(values, counts, plain.get('max_length'))
    history = HistoryBuffer(max_length=plain['max_length'])
    history._log_history, history._count_history = np.array(values), np.array(counts)
    return history


def to_plain(value, name: str, dropped: list):
    """``value`` as None, numbers, text, tensors, lists, tuples and dicts.

    Args:
        value: Something that a run wants to keep.
        name (str): Path of the value, for ``dropped``.
        dropped (list[str]): Gets the paths of what cannot be kept; None stands in for it.
    """
    if isinstance(value, HistoryBuffer):
        return history_to_plain(value)
    if isinstance(value, dict):
        return {
            to_plain(key, name, dropped): to_plain(item, f'{name}.{key}', dropped)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        kind = tuple if isinstance(value, tuple) else list
        return kind(to_plain(item, f'{name}[{i}]', dropped) for i, item in enumerate(value))
    if isinstance(value, (np.ndarray, np.generic)):
        return (
            to_plain(value.tolist(), name, dropped)
            if value.dtype.kind in 'biufU'
            else (_drop(name, dropped))
        )
    for plain in (bool, int, float, str):
        if isinstance(value, plain):
            return plain(value)
    if value is None or type(value) is torch.Tensor:
        return value
    return _drop(name, dropped)


def _drop(name: str, dropped: list) -> None:
    dropped.append(name)
