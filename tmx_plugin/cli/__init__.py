# SPDX-License-Identifier: Apache-2.0
"""The command ``tmx``. No module here imports torch or the package while it is loaded."""

from .main import main

__all__ = ['main']
