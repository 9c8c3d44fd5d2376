# SPDX-License-Identifier: Apache-2.0
"""The difference of two variants that were trained on the same splits with the same seeds."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ...errors import DataError


class PairedDifference(NamedTuple):
    """Mean of the differences, its 95 % interval, and the number of pairs."""

    mean: float
    low: float
    high: float
    count: int  # type: ignore[assignment]  # hides a method of tuple


def paired_difference(
    base: Mapping, other: Mapping, rounds: int = 10000, seed: int = 0
) -> PairedDifference:
    """``other - base`` over common runs, each data set with the same weight.

    The interval is the percentile bootstrap: pairs are drawn again within each data set.

    Args:
        base, other (Mapping[tuple, float]): Results by (data set, split, seed).
        rounds (int): Bootstrap samples.
        seed (int): Of the samples.

    Raises:
        DataError: If the two have no run in common.

    Examples:
        >>> base = {('a', 1, 0): 40., ('a', 2, 0): 50.}
        >>> paired_difference(base, {('a', 1, 0): 43., ('a', 2, 0): 53.})
        PairedDifference(mean=3.0, low=3.0, high=3.0, count=2)
    """
    common = [key for key in base if key in other]
    if not common:
        raise DataError('the two variants have no split and seed in common')
    differences: dict = {}
    for key in common:
        differences.setdefault(key[0], []).append(other[key] - base[key])
    rng = np.random.default_rng(seed)
    samples = np.zeros(rounds)
    for values in map(np.asarray, differences.values()):
        drawn = rng.integers(len(values), size=(rounds, len(values)))
        samples += values[drawn].mean(axis=1) / len(differences)
    mean = float(np.mean([np.mean(values) for values in differences.values()]))
    low, high = np.percentile(samples, [2.5, 97.5])
    return PairedDifference(mean, float(low), float(high), len(common))
