# SPDX-License-Identifier: Apache-2.0
"""Values of features that no network can use: NaN, infinity, and what overflows when squared."""

import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
from mmengine.logging import print_log

from ..errors import DataError
from .feature_archives import damaged_member

#: From this magnitude on, the square of a float32 is infinite or near it; counted as not finite.
LIMIT = 1e20
#: What may be done about such values.
CHOICES = ('raise', 'zero')
#: Places of bad values of a file that are kept, so that it is searched once only.
MAX_KEPT = 100_000
_CHUNK = 1 << 20  # values looked at at once: they stay in the processor's cache
_UNCHECKED, _GOOD, _BAD = 0, 1, 2


@dataclass(frozen=True)
class BadValues:
    """Values that are not finite.

    Attributes:
        count (int): How many there are.
        row (int): Time step of the first one.
        channel (int): Its channel.
        value (float): The first one.
    """

    count: int
    row: int
    channel: int
    value: float


def find_bad_values(array: np.ndarray) -> Optional[BadValues]:
    """Where an array holds NaN, infinity or magnitudes of :data:`LIMIT` and more.

    One pass that takes no memory; a second one over what is bad.

    Args:
        array (np.ndarray): (T, C), any float or integer type.

    Returns:
        BadValues, optional: None where all values are finite.

    Example:
        >>> find_bad_values(np.array([[0., 1.], [np.inf, 2.]]))
        BadValues(count=1, row=1, channel=0, value=inf)
    """
    if array.dtype.kind != 'f':
        return None
    turned = not array.flags.c_contiguous and array.T.flags.c_contiguous
    stored = array.T if turned else array  # read in the order in which it lies in memory
    step, count, first = max(_CHUNK // max(stored.shape[1], 1), 1), 0, None
    for start in range(0, len(stored), step):
        part = stored[start : start + step]
        if _all_finite(part):
            continue
        bad = ~_is_finite(part)
        count += int(np.count_nonzero(bad))
        place = np.argwhere(bad) + (start, 0)
        place = place[:, ::-1] if turned else place
        found = min(map(tuple, place.tolist()))
        first = found if first is None else min(first, found)
    return None if first is None else BadValues(count, first[0], first[1], float(array[first]))


def _is_finite(array: np.ndarray) -> np.ndarray:
    # float16 holds nothing near the limit
    return np.isfinite(array) if array.dtype.itemsize == 2 else np.abs(array) < LIMIT


def _all_finite(part: np.ndarray) -> bool:
    if part.dtype.itemsize == 2:  # float16: far faster as bits, whose exponent is all ones
        bits = np.ascontiguousarray(part).view(part.dtype.str.replace('f', 'u'))
        return bool((bits & 0x7FFF).max() < 0x7C00)
    return bool(part.min() > -LIMIT and part.max() < LIMIT)  # False with NaN


def _zeroed(array: np.ndarray, places: tuple) -> np.ndarray:
    """The array with 0 at some places: of a mapped file, what is not changed stays mapped."""
    private = _map_privately(array)
    result = np.array(array) if private is None else private
    result[places] = 0
    return result


def _map_privately(array: np.ndarray) -> Optional[np.ndarray]:
    """The same view of the same file, with changes that the file does not see; None without one."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if not isinstance(owner, np.memmap) or not owner.flags.c_contiguous:
        return None
    copy = np.memmap(owner.filename, owner.dtype, 'c', owner.offset, owner.shape)  # type: ignore[call-overload]
    start = array.ctypes.data - owner.ctypes.data
    return np.ndarray(array.shape, array.dtype, copy, start, array.strides)


class ValueCheck:
    """Checks the files of a data set, each once, in whichever process reads it first.

    Args:
        features (str): ``'raise'``, or ``'zero'`` to go on with 0 in the place of such values.
        count (int): Number of files.

    Raises:
        DataError: From the call, with file, video, number of bad values and place of the first.
    """

    def __init__(self, features: str = 'raise', count: int = 0) -> None:
        import torch

        self.features = features
        self._places: dict = {}  # of bad values, by number of the file, in this process
        # In shared memory, so that a file that one worker process has checked is known to all.
        self.state = torch.zeros(count, dtype=torch.uint8).share_memory_()

    def __call__(
        self, array: np.ndarray, path, video: str, number: Optional[int] = None
    ) -> np.ndarray:
        """The array itself, or a copy with zeros.

        Args:
            array (np.ndarray): (T, C) of the whole file.
            path (str): The file.
            video (str): Its video, for messages.
            number (int, optional): Of the file; without it the file is checked in each call.
        """
        known = _UNCHECKED if number is None else int(self.state[number])
        if known == _GOOD:
            return array
        if known == _UNCHECKED:
            _check_sum(path, video)
        places = self._places.get(number)
        if places is not None:  # a bad file that this process has looked at
            return _zeroed(array, places)
        bad = find_bad_values(array)
        if number is not None:
            self.state[number] = _GOOD if bad is None else _BAD
        if bad is None:
            return array
        message = (
            f'{path}: video {video!r}: expected finite values below {LIMIT:g}, found '
            f'{bad.count} of {array.size} that are not, the first is {bad.value:g} at time '
            f'step {bad.row}, channel {bad.channel}'
        )
        if self.features == 'raise':
            raise DataError(f"{message} (features='zero' of the data set takes 0 instead)")
        places = np.nonzero(~_is_finite(array))
        if number is not None and bad.count <= MAX_KEPT:
            self._places[number] = places
        if known == _UNCHECKED:
            print_log(f'{message}; 0 is taken instead', 'current', logging.WARNING)
        return _zeroed(array, places)


def _check_sum(path, video: str) -> None:
    """Raise a DataError where a mapped zip file has changed since it was written."""
    if Path(path).suffix not in ('.npz', '.pt', '.pth') or not zipfile.is_zipfile(path):
        return
    member = damaged_member(path)
    if member is not None:
        raise DataError(
            f'{path}: video {video!r}: expected the content that was written, found a '
            f'checksum that does not fit {member!r}: the file is damaged'
        )
