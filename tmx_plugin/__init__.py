# SPDX-License-Identifier: Apache-2.0
"""TemporalMaxer for MMAction2: importing this package registers every class it adds.

A configuration needs one line::

    custom_imports = dict(imports=['tmx_plugin'], allow_failed_imports=False)
"""

from . import compat  # isort: skip  # noqa: F401  must run before mmaction.models is imported
from . import datasets, engine, evaluation, models, visualization  # noqa: F401
from .version import __version__

__all__ = ['__version__']
