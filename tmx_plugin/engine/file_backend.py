# SPDX-License-Identifier: Apache-2.0
"""File backend whose files appear whole or not at all."""
from mmengine.fileio import LocalBackend, register_backend

from tmx_plugin.utils.files import atomic_write


@register_backend('atomic')
class AtomicBackend(LocalBackend):
    """Local files, written under a temporary name and renamed.

    A run killed while saving leaves the previous checkpoint of that name intact. Used by
    ``CheckpointHook(backend_args=dict(backend='atomic'))``.
    """

    def put(self, obj: bytes, filepath) -> None:
        """Write bytes to ``filepath``."""
        with atomic_write(filepath, 'wb') as file:
            file.write(obj)
