# SPDX-License-Identifier: Apache-2.0
from .functional import SegmentTable, average_precision, topk_recall
from .tal_metric import TALMetric

__all__ = ['SegmentTable', 'TALMetric', 'average_precision', 'topk_recall']
