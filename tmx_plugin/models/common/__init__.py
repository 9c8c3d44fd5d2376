# SPDX-License-Identifier: Apache-2.0
from .conv_layout import fixed_layout
from .max_pool import max_pool
from .temporal_conv import TemporalConvBlock, time_major_conv

__all__ = ['TemporalConvBlock', 'fixed_layout', 'max_pool', 'time_major_conv']
