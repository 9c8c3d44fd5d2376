# SPDX-License-Identifier: Apache-2.0
"""Detections in the formats of other programs.

All take detections as ``{video: [{'label': name, 'score': float, 'segment': [start, end]}]}`` with
seconds; the writers of subtitles take the list of one video.
"""

from .activitynet import read_activitynet, to_detections, write_activitynet
from .csv_table import write_csv
from .epic_submission import validate_epic_submission, write_epic_submission
from .export import add_existing, export, find_format
from .label_studio_predictions import label_studio_config, write_label_studio
from .registry import FORMATS
from .subtitles import write_srt, write_vtt

__all__ = [
    'FORMATS',
    'add_existing',
    'export',
    'find_format',
    'label_studio_config',
    'read_activitynet',
    'to_detections',
    'validate_epic_submission',
    'write_activitynet',
    'write_csv',
    'write_epic_submission',
    'write_label_studio',
    'write_srt',
    'write_vtt',
]
