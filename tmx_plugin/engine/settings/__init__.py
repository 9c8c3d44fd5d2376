# SPDX-License-Identifier: Apache-2.0
"""One validation of a config, before anything is built."""

from .check import config_faults, require_valid

__all__ = ['config_faults', 'require_valid']
