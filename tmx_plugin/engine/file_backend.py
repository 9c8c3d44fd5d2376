# SPDX-License-Identifier: Apache-2.0
"""File backend whose files appear whole or not at all."""

import errno
from functools import wraps

from mmengine.config import Config
from mmengine.fileio import LocalBackend, register_backend

from tmx_plugin.utils.files import atomic_write, free_bytes, write_error


@register_backend('local', force=True, prefixes='')
@register_backend('atomic')
class AtomicBackend(LocalBackend):
    """Local files, written under a temporary name, synced and renamed.

    It takes the place of MMEngine's own local backend, so that checkpoints, the metrics as json
    and the results of ``--dump`` are whole or not there when a run is killed or a disk fills.
    """

    def put(self, obj: bytes, filepath) -> None:
        """Write bytes to ``filepath``, after asking whether there is room for them."""
        if 0 <= free_bytes(filepath) < len(obj):
            raise write_error(filepath, OSError(errno.ENOSPC, ''))
        with atomic_write(filepath, 'wb') as file:
            file.write(obj)

    def put_text(self, obj: str, filepath, encoding: str = 'utf-8') -> None:
        """Write text to ``filepath``."""
        with atomic_write(filepath, encoding=encoding) as file:
            file.write(obj)


def _write_whole(dump):
    """``Config.dump``, whose ``.py`` files MMEngine writes in place, past its own backends."""

    @wraps(dump)
    def dump_whole(self, file=None):
        if not str(file).endswith('.py'):
            return dump(self, file)
        with atomic_write(file) as opened:
            opened.write(self.pretty_text)
        return None

    return dump_whole


Config.dump = _write_whole(Config.dump)
