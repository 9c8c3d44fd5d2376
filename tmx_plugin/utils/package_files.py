# SPDX-License-Identifier: Apache-2.0
"""Where configs lie that belong to this package."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
#: Folder of this package's configs/: the repository, or .mim where it is installed.
CONFIG_ROOT = next(
    (
        folder
        for folder in (_PACKAGE.parent, _PACKAGE / '.mim')
        if (folder / 'configs' / 'temporalmaxer').is_dir()
    ),
    _PACKAGE.parent,
)


def recognizer_configs() -> dict[str, Path]:
    """Configs of recognizers that this package brings, by bare name such as ``'i3d_rgb'``."""
    folder = CONFIG_ROOT / 'configs' / 'recognizers'
    return {path.stem: path for path in sorted(folder.glob('*.py'))}
