# SPDX-License-Identifier: Apache-2.0
from .temporal_maxer import TemporalMaxer

__all__ = ['TemporalMaxer']
