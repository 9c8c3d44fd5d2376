# SPDX-License-Identifier: Apache-2.0
"""Checks of data against a configuration.

The cheap ones run whenever a dataset is built; ``tools/data/check_dataset.py`` runs all of them.
"""

from .features import read_all, width_findings
from .findings import Finding, report_findings
from .geometry import length_findings, stream_findings
from .segment_checks import class_count_findings, class_findings, segment_findings

__all__ = [
    'Finding',
    'class_count_findings',
    'class_findings',
    'length_findings',
    'read_all',
    'report_findings',
    'segment_findings',
    'stream_findings',
    'width_findings',
]
