# SPDX-License-Identifier: Apache-2.0
from .focal import focal_loss_sum, negative_focal_loss, row_chunks, sigmoid_focal_loss
from .tal_losses import SegmentDIoULoss, SnippetFocalLoss

__all__ = [
    'SegmentDIoULoss',
    'SnippetFocalLoss',
    'focal_loss_sum',
    'negative_focal_loss',
    'row_chunks',
    'sigmoid_focal_loss',
]
