# SPDX-License-Identifier: Apache-2.0
from .backbones import InceptionI3D, LinspaceSlowFast
from .data_preprocessors import TALDataPreprocessor
from .heads import FrameHead, TemporalMaxerHead
from .localizers import TemporalMaxer
from .losses import SegmentDIoULoss, SnippetFocalLoss
from .necks import TemporalMaxerNeck
from .task_modules import ClassPrior, TemporalSimOTAAssigner

__all__ = [
    'ClassPrior',
    'FrameHead',
    'InceptionI3D',
    'LinspaceSlowFast',
    'SegmentDIoULoss',
    'SnippetFocalLoss',
    'TALDataPreprocessor',
    'TemporalMaxer',
    'TemporalMaxerHead',
    'TemporalMaxerNeck',
    'TemporalSimOTAAssigner',
]
