# SPDX-License-Identifier: Apache-2.0
from .focal import negative_focal_loss, sigmoid_focal_loss
from .tal_losses import SegmentDIoULoss, SnippetFocalLoss

__all__ = ['SegmentDIoULoss', 'SnippetFocalLoss', 'negative_focal_loss', 'sigmoid_focal_loss']
