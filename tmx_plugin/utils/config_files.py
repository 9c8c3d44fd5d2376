# SPDX-License-Identifier: Apache-2.0
"""Reading config files: the one place from which every tool gets its configs."""

import tempfile
from pathlib import Path
from typing import Optional

from mmengine.config import Config

from ..errors import ConfigError, TmxError
from .files import explained_os_errors


def read_config_file(path, cfg_options: Optional[dict] = None) -> Config:
    """Read a config and change it by the options of a command line.

    A config in Python is a program, and runs.

    Args:
        path (str | Path): The file.
        cfg_options (dict, optional): Values by dotted key.

    Raises:
        ConfigError: It cannot be read, or an option does not fit it.
        WriteError: There is no room for the copy that MMEngine makes of it in the folder of
            temporary files.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, 'mine.py')
        ...     _ = path.write_text("model = dict(type='A')")
        ...     read_config_file(path, {'model.type': 'B'}).model.type
        'B'
    """
    try:
        with explained_os_errors(Path(tempfile.gettempdir(), Path(path).name)):
            cfg = Config.fromfile(path)
        cfg.merge_from_dict(cfg_options or {})
    except TmxError:
        raise
    except Exception as error:
        raise ConfigError(
            f'{path}: expected a config, found {type(error).__name__}: {error}'
        ) from error
    return cfg
