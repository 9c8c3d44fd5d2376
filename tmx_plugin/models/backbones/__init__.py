# SPDX-License-Identifier: Apache-2.0
from .inception_i3d import InceptionI3D
from .slowfast_linspace import LinspaceSlowFast

__all__ = ['InceptionI3D', 'LinspaceSlowFast']
