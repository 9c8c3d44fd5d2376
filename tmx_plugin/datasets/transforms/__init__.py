# SPDX-License-Identifier: Apache-2.0
from .formatting import PackTALInputs
from .loading import LoadFeatures
from .segments import RandomTruncation, SegmentsToGrid, StretchTime
from .standardize import StandardizeFeatures

__all__ = [
    'LoadFeatures',
    'PackTALInputs',
    'RandomTruncation',
    'SegmentsToGrid',
    'StandardizeFeatures',
    'StretchTime',
]
