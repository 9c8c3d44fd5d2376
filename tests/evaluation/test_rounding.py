# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tmx_plugin.evaluation.functional import round_decimals


@settings(max_examples=500, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 6))
@example(2.675, 2)
@example(0.285, 2)
@example(-0.001, 2)
@example(45038927772929.734, 2)
@example(1.7e308, 4)
def test_any_number(value, decimals):
    ours = round_decimals(np.array(value), decimals)
    assert ours == round(value, decimals)
    assert math.copysign(1, ours) == math.copysign(1, value)


@pytest.mark.parametrize('decimals', [2, 4])
def test_ties_their_neighbours_and_float32(decimals):
    rng = np.random.default_rng(0)
    ties = (rng.integers(0, 10**6, 5000) + 0.5) / 10**decimals
    values = np.concatenate(
        [
            ties,
            np.nextafter(ties, np.inf),
            np.nextafter(ties, 0),
            rng.integers(0, 10**5, 5000) / 64,
            rng.uniform(-1e4, 1e4, 5000),
            rng.random(5000).astype(np.float32),
        ]
    )
    expected = [round(x, decimals) for x in values.tolist()]
    assert round_decimals(values, decimals).tolist() == expected
