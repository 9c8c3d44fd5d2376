# SPDX-License-Identifier: Apache-2.0
from .average_precision import average_precision, mean_average_precision, topk_recall
from .rounding import round_decimals
from .segment_table import (
    SegmentTable,
    clean_ground_truth,
    segment_tables,
    tables_from_activitynet,
)
from .unmatched import describe_unmatched

__all__ = [
    'SegmentTable',
    'average_precision',
    'clean_ground_truth',
    'describe_unmatched',
    'mean_average_precision',
    'round_decimals',
    'segment_tables',
    'tables_from_activitynet',
    'topk_recall',
]
