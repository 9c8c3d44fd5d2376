# SPDX-License-Identifier: Apache-2.0
"""Reading a config from elsewhere without running any of it."""

from pathlib import Path

from mmengine.config import Config

from ...errors import ConfigError
from ...utils.text_files import read_json


def read_data_config(path) -> Config:
    """A config that is plain data: a ``.json`` file without bases.

    MMEngine's reader runs Python configs, and imports the ``custom_imports`` of any; this one does
    neither.

    Args:
        path (str | Path): The file. ``Config.fromfile('a.py').dump('a.json')`` writes one.

    Raises:
        MissingFileError: There is no such file.
        ConfigError: It is a Python config, has bases, or is no object.
        FormatError: It is no json.
    """
    if Path(path).suffix.lower() != '.json':
        raise ConfigError(
            f'{path}: expected a .json config, since others can run code when they '
            "are read; where it is trusted, Config.fromfile('a.py').dump('a.json') "
            'writes one'
        )
    content = read_json(path)
    if not isinstance(content, dict):
        raise ConfigError(f'{path}: expected an object, found {type(content).__name__}')
    if '_base_' in content:
        raise ConfigError(
            f'{path}: expected a config in one piece, found _base_, whose files are '
            'read by other rules'
        )
    return Config(content)
