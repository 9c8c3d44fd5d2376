# SPDX-License-Identifier: Apache-2.0
"""What a program that uses the package calls."""

from .extractors import init_extractor
from .inference import inference_localizer
from .inferencer import TALInferencer
from .init import init_localizer

__all__ = ['TALInferencer', 'inference_localizer', 'init_extractor', 'init_localizer']
