# SPDX-License-Identifier: Apache-2.0
from .activitynet import read_activitynet, to_detections, write_activitynet

__all__ = ['read_activitynet', 'to_detections', 'write_activitynet']
