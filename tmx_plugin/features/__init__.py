# SPDX-License-Identifier: Apache-2.0
"""From videos to clip features: any MMAction2 recognizer, slid over whole videos.

Importing the package registers :class:`ClipBackbone`; everything that decodes video needs
the extra ``tmx_plugin[video]``.
"""

from ..models.backbones.clip_backbone import ClipBackbone, pool_features
from ..structures.clip_geometry import ClipGeometry, resample_indices

__all__ = ['ClipBackbone', 'ClipGeometry', 'pool_features', 'resample_indices']
