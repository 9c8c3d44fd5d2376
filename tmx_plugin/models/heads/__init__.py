# SPDX-License-Identifier: Apache-2.0
from .temporal_maxer_head import TemporalMaxerHead

__all__ = ['TemporalMaxerHead']
