# SPDX-License-Identifier: Apache-2.0
from .frame_head import FrameHead
from .temporal_maxer_head import TemporalMaxerHead

__all__ = ['FrameHead', 'TemporalMaxerHead']
