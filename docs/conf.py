# SPDX-License-Identifier: Apache-2.0
"""Settings of the documentation; `make docs` builds it, warnings are errors."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tmx_plugin.version import __version__  # noqa: E402

project = 'tmx_plugin'
author = 'The founders of tmx_plugin'
release = version = __version__
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.viewcode']
exclude_patterns = ['_build']
html_theme = 'furo'
html_title = f'tmx_plugin {release}'
myst_enable_extensions = ['colon_fence']
myst_heading_anchors = 3
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
autodoc_default_options = {'members': True, 'show-inheritance': True}
napoleon_custom_sections = [
    ('Required keys', 'params_style'),
    ('Added keys', 'params_style'),
    ('Required and changed keys', 'params_style'),
]
# Files of the repository that the pages link to are no pages of the site.
suppress_warnings = ['myst.xref_missing', 'ref.python']
