# SPDX-License-Identifier: Apache-2.0
"""The errors of data sets under the name they had before; see :mod:`tmx_plugin.errors`."""

from ..errors import DataError, FormatError

__all__ = ['DataError', 'FormatError']
