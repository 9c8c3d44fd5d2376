# SPDX-License-Identifier: Apache-2.0
"""Subsets and odd segments; the rest of the annotations is tested where they are read."""

import doctest

import numpy as np
import pytest

from tmx_plugin.structures import annotations
from tmx_plugin.structures.annotations import match_subsets, odd_segments
from tmx_plugin.utils import names


@pytest.mark.parametrize('module', [annotations, names])
def test_examples(module):
    found = doctest.testmod(module)
    assert found.attempted >= 2 and not found.failed


def test_an_exact_subset_goes_before_other_spellings():
    assert match_subsets(['val'], ['val', 'validation']) == ['val']
    assert match_subsets(['Val', 'TRAIN'], ['training', 'validation']) == ['training', 'validation']
    assert match_subsets(['test'], ['training']) == []


def test_a_segment_may_end_a_grid_step_after_its_video():
    segments = np.array([[8.0, 9.4], [8.0, 9.6], [9.0, 9.2]])
    found = [odd.tolist() for odd in odd_segments(segments, 9.0, step=0.5).values()]
    assert found == [[False] * 3, [False, False, True], [False, True, False]]
    assert all(odd.shape == (0,) for odd in odd_segments(np.zeros((0, 2)), 9.0).values())
