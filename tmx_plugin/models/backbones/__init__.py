# SPDX-License-Identifier: Apache-2.0
from .clip_backbone import ClipBackbone, pool_features
from .inception_i3d import InceptionI3D
from .slowfast_linspace import LinspaceSlowFast

__all__ = ['ClipBackbone', 'InceptionI3D', 'LinspaceSlowFast', 'pool_features']
