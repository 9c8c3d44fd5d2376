# SPDX-License-Identifier: Apache-2.0
from .data_preprocessors import TALDataPreprocessor
from .heads import TemporalMaxerHead
from .losses import SegmentDIoULoss, SnippetFocalLoss
from .necks import TemporalMaxerNeck
from .task_modules import TemporalSimOTAAssigner

__all__ = [
    'SegmentDIoULoss', 'SnippetFocalLoss', 'TALDataPreprocessor', 'TemporalMaxerHead',
    'TemporalMaxerNeck', 'TemporalSimOTAAssigner'
]
