# SPDX-License-Identifier: Apache-2.0
from .temporal_maxer_neck import TemporalMaxerNeck

__all__ = ['TemporalMaxerNeck']
