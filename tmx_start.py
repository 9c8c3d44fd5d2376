# SPDX-License-Identifier: Apache-2.0
"""The console command ``tmx``.

It lies beside the package, not in it: importing anything from ``tmx_plugin`` registers all classes
and takes seconds, and ``tmx checks`` must run where that import fails. Its name sorts behind
``tmx_plugin``: mim takes the first of a distribution's modules for its package.
"""

import importlib.util
import sys
from pathlib import Path


def main() -> int:
    """Load ``tmx_plugin/cli`` as a package of its own, and run it."""
    folder = Path(importlib.util.find_spec('tmx_plugin').origin).with_name('cli')
    spec = importlib.util.spec_from_file_location(
        'tmx_cli', folder / '__init__.py', submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.main()


if __name__ == '__main__':
    sys.exit(main())
