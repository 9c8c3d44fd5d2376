# SPDX-License-Identifier: Apache-2.0
from .tal_data_preprocessor import TALDataPreprocessor

__all__ = ['TALDataPreprocessor']
