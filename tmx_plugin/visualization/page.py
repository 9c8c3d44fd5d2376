# SPDX-License-Identifier: Apache-2.0
"""Self-contained pages: templates with their styles, scripts and data inside."""

import json
import math
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..exporters.checked import encodable
from ..utils.files import atomic_write

# Everything is inside but the videos: a page can load nothing else, whatever its data say.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; media-src 'self' file: data: blob: http: https:"
)
_FOLDER = Path(__file__).parent / 'templates'


def json_script(value) -> Markup:
    """``value`` as json for a script element: no markup in it, and nan and infinity as null."""
    text = json.dumps(finite(value), separators=(',', ':'), allow_nan=False)
    for character in '<>&':
        text = text.replace(character, f'\\u{ord(character):04x}')
    return Markup(text)


def finite(value):
    """The same structure with None in place of numbers that json does not have."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_page(path, template: str, scripts=(), **values) -> Path:
    """Render a template of this package and write it.

    Args:
        path (str | Path): The html file.
        template (str): Name of the template.
        scripts (Sequence[str]): Names of the package's scripts; ``NAME.js`` goes to the template
            as ``NAME_js``.
        **values: What else the template shows; strings are escaped.

    Returns:
        Path: ``path``.
    """
    parts = {f'{name}_js': Markup((_FOLDER / f'{name}.js').read_text('utf-8')) for name in scripts}
    environment = Environment(
        loader=PackageLoader(__package__, 'templates'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(template).render(
        policy=POLICY, page_css=Markup((_FOLDER / 'page.css').read_text('utf-8')), **parts, **values
    )
    with atomic_write(Path(path)) as file:
        file.write(encodable(text))
    return Path(path)
