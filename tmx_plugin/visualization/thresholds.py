# SPDX-License-Identifier: Apache-2.0
"""Thresholds on the score, one a class, and their file."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from ..errors import ConfigError, FormatError
from ..utils.files import atomic_write
from ..utils.text_files import is_finite, read_json


class Thresholds(NamedTuple):
    """Least score of each class.

    Attributes:
        default (float): For classes without one of their own.
        classes (dict[str, float]): By name.
        tiou (float | None): tIoU at which they were chosen.

    Example:
        >>> Thresholds(0.3, {'run': 0.5}).of(['run', 'sit'])
        array([0.5, 0.3])
    """

    default: float
    classes: dict
    tiou: Union[float, None] = None

    def of(self, names: Sequence[str]) -> np.ndarray:
        """(K,) float64 threshold of each of the names."""
        return np.array([self.classes.get(name, self.default) for name in names], np.float64)

    def write(self, path) -> Path:
        """Write them as json: ``tiou``, ``default`` and ``classes``."""
        with atomic_write(Path(path)) as file:
            json.dump(
                dict(tiou=self.tiou, default=self.default, classes=self.classes),
                file,
                allow_nan=False,
                indent=1,
            )
        return Path(path)


def read_thresholds(text) -> Thresholds:
    """Thresholds from a number, for all classes, or from a file that a report has written.

    Args:
        text (str | float | Path): ``'0.3'`` or ``'thresholds.json'``.

    Returns:
        Thresholds: See there.

    Raises:
        ConfigError: Neither a number nor a file.
        FormatError: The file holds no thresholds.
    """
    try:
        number = float(text)
        if not math.isfinite(number):
            raise ConfigError(f'expected a finite number as least score, found {number}')
        return Thresholds(number, {})
    except ConfigError:
        raise
    except (TypeError, ValueError):
        path = Path(text)
    if not path.is_file():
        raise ConfigError(f'expected a number or a file of thresholds as least score, found {path}')
    content = read_json(path)
    classes = content.get('classes') if isinstance(content, dict) else None
    if not (
        isinstance(classes, dict)
        and all(is_finite(x) for x in [*classes.values(), content.get('default')])
    ):
        raise FormatError(
            path, 'a number as "default" and numbers by class as "classes"', f'{content!r:.200}'
        )
    return Thresholds(float(content['default']), classes, content.get('tiou'))
