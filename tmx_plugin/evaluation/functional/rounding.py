# SPDX-License-Identifier: Apache-2.0
"""Decimal rounding as in a text file."""
import numpy as np


def round_decimals(values: np.ndarray, decimals: int) -> np.ndarray:
    """What Python's ``round(value, decimals)`` gives for each value, for whole arrays.

    ``numpy.round`` scales first and rounds the scaled number, which is off by one in the last
    decimal where scaling lands on a tie, as in ``round(0.285, 2)``. Here the error of the
    scaling is known exactly (Dekker, 1971) and decides.

    Args:
        values (np.ndarray): Any shape; taken as float64.
        decimals (int): 0 to 6.

    Returns:
        np.ndarray: float64.

    Example:
        >>> round_decimals(np.array([0.285, 0.125, -2.675]), 2)
        array([ 0.28,  0.12, -2.67])
    """
    values = np.asarray(values, np.float64)
    scale = 10.**decimals
    x = np.abs(values)
    with np.errstate(invalid='ignore', over='ignore'):
        scaled = x * scale
        split = x * (2.**27 + 1)
        high = split - (split - x)  # 26 bits, so that both products below are exact
        error = (high * scale - scaled) + (x - high) * scale
        whole = np.floor(scaled)
        above_tie = (scaled - whole - .5) + error
        up = (above_tie > 0) | ((above_tie == 0) & (whole % 2 == 1))
        # From 2 ** 53 on the value is its own nearest neighbour.
        rounded = np.where(scaled < 2.**53, (whole + up) / scale, x)
    return np.copysign(rounded, values)
