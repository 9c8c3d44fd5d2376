# SPDX-License-Identifier: Apache-2.0
from .temporal_conv import TemporalConvBlock, time_major_conv

__all__ = ['TemporalConvBlock', 'time_major_conv']
