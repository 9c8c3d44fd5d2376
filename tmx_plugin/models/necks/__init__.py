# SPDX-License-Identifier: Apache-2.0
"""Necks: from features to a pyramid.

A neck is a registered module with the attribute ``in_channels``, the width of the features it
takes, and ``forward(x, masks, lengths=None)``:

* ``x`` (Tensor): features (B, C, T), zero where not valid;
* ``masks`` (Tensor): their validity (B, T), bool;
* ``lengths`` (Sequence[int], optional): length of each video's own grid, beyond which it is only
  filled up for the batch. Each video must then get what it gets alone; None makes the padding a
  part of the input;
* returns features (B, C_out, T_l) and masks (B, T_l), bool, a list over levels each, finest first,
  with T_l of :func:`~.temporal_maxer_neck.level_lengths`.

The head has one regression range a level. Point i of level l lies at grid step ``i * 2**l``.
"""

from .temporal_maxer_neck import TemporalMaxerNeck

__all__ = ['TemporalMaxerNeck']
