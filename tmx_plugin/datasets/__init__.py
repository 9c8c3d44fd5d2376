# SPDX-License-Identifier: Apache-2.0
"""Datasets and the transforms they feed."""

from ..errors import DataError
from . import transforms  # noqa: F401
from .epic_kitchens import EpicKitchens100Dataset
from .hapt import HAPTDataset
from .tal_dataset import TALDataset
from .thumos import MultiThumosDataset, Thumos14Dataset

__all__ = [
    'DataError',
    'EpicKitchens100Dataset',
    'HAPTDataset',
    'MultiThumosDataset',
    'TALDataset',
    'Thumos14Dataset',
]
