# SPDX-License-Identifier: Apache-2.0
from .conv_layout import fixed_layout
from .temporal_conv import TemporalConvBlock, time_major_conv

__all__ = ['TemporalConvBlock', 'fixed_layout', 'time_major_conv']
