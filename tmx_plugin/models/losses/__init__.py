# SPDX-License-Identifier: Apache-2.0
from .functional import sigmoid_focal_loss
from .tal_losses import SegmentDIoULoss, SnippetFocalLoss

__all__ = ['SegmentDIoULoss', 'SnippetFocalLoss', 'sigmoid_focal_loss']
