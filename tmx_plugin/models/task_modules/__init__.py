# SPDX-License-Identifier: Apache-2.0
from .sim_ota_assigner import TemporalSimOTAAssigner

__all__ = ['TemporalSimOTAAssigner']
