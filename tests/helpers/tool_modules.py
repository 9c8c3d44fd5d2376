# SPDX-License-Identifier: Apache-2.0
"""Tools as modules, for tests that need no process of their own."""

import importlib.util
from pathlib import Path
from types import ModuleType


def load_module(path) -> ModuleType:
    """The module of a file, anew at each call and not in ``sys.modules``."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
