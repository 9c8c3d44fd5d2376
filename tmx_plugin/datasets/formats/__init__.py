# SPDX-License-Identifier: Apache-2.0
"""Readers of annotation formats from elsewhere; all make one :class:`AnnotationDocument`."""

from ...errors import FormatError
from .database_json import read_actionformer, read_multithumos, read_opentad, subset_names
from .detect import detect_format, guess_formats, refuse_pickle
from .document import AnnotationDocument, write_document
from .epic import read_epic
from .frames_txt import read_frames_txt
from .label_studio import read_label_studio
from .registry import FORMATS
from .subsets import listed_split, random_split
from .table import read_csv
from .thumos_txt import read_thumos_txt
from .video_info import VideoInfo

__all__ = [
    'FORMATS',
    'AnnotationDocument',
    'FormatError',
    'VideoInfo',
    'detect_format',
    'guess_formats',
    'listed_split',
    'random_split',
    'read_actionformer',
    'read_csv',
    'read_epic',
    'read_frames_txt',
    'read_label_studio',
    'read_multithumos',
    'read_opentad',
    'read_thumos_txt',
    'refuse_pickle',
    'subset_names',
    'write_document',
]
