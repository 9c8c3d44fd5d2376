# SPDX-License-Identifier: Apache-2.0
"""Weights of public networks that follow from the names and shapes of their tensors alone.

The golden values in ``tests/data/golden/features`` were measured with exactly these, so the rules
below must not change.
"""

import math
import zlib

import numpy as np
import torch


def tensor_of(name, shape):
    """The tensor of a name; its scale keeps activations at their size from layer to layer."""
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    kind = name.rpartition('.')[2]
    if kind == 'num_batches_tracked':
        return torch.tensor(0)
    if kind == 'running_var':
        values = draw.uniform(0.5, 1.5, shape)
    else:
        values = draw.standard_normal(shape)
        if kind in ('running_mean', 'bias'):
            values = 0.1 * values
        elif len(shape) == 1:
            values = 1 + 0.1 * values
        else:
            values = values * np.sqrt(2 / math.prod(shape[1:]))
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


def state_dict_of(table):
    """All tensors of a table with a line ``NAME<tab>2x3x4`` each."""
    state = {}
    for line in table.read_text(encoding='utf-8').splitlines():
        name, sizes = line.split('\t')
        state[name] = tensor_of(name, tuple(int(n) for n in sizes.split('x') if n))
    return state
