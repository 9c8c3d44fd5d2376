# SPDX-License-Identifier: Apache-2.0
from .class_prior import ClassPrior
from .sim_ota_assigner import TemporalSimOTAAssigner

__all__ = ['ClassPrior', 'TemporalSimOTAAssigner']
