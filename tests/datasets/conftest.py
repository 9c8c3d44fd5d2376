# SPDX-License-Identifier: Apache-2.0
"""Fixtures of several tests of data sets."""

import json

import numpy as np
import pytest
from tal_files import DATABASE


@pytest.fixture
def root(tmp_path):
    """A folder with annotations ``a.json``, ``classes.txt`` and ``features/NAME.npy``."""
    (tmp_path / 'a.json').write_text(json.dumps(dict(database=DATABASE)))
    (tmp_path / 'classes.txt').write_text('run\njump\n')
    (tmp_path / 'features').mkdir()
    for index, name in enumerate(DATABASE):
        np.save(
            tmp_path / 'features' / f'{name}.npy',
            np.arange(60, dtype=np.float32).reshape(20, 3) + 100 * index,
        )
    return tmp_path
