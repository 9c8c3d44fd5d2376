# SPDX-License-Identifier: Apache-2.0
"""Saving checkpoints so that at no moment there is less than one whole one."""

import os.path as osp
import re
from collections import deque
from pathlib import Path
from typing import Any

from mmaction.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook

from tmx_plugin.engine.work_dir import INTERRUPTED, POINTER
from tmx_plugin.utils.files import atomic_write, sync_folder


class DeferredRemoval:
    """A file backend that removes files of one folder only, and only when told to.

    Args:
        backend (BaseStorageBackend): Does the work.
        folder (str): Folder of the run. Files elsewhere are not there for this backend.
    """

    def __init__(self, backend, folder: str) -> None:
        self._backend, self._folder = backend, folder
        self._doomed: list[str] = []

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def isfile(self, path) -> bool:
        """Whether ``path`` is a file of the folder."""
        inside = osp.realpath(osp.dirname(path)) == osp.realpath(self._folder)
        return inside and self._backend.isfile(path)

    def isdir(self, path) -> bool:
        """No folder is ever removed."""
        return False

    def remove(self, path) -> None:
        """Remove ``path`` at the next :meth:`flush`."""
        self._doomed.append(path)

    def flush(self) -> None:
        """Remove what was asked for."""
        for path in self._doomed:
            if self.isfile(path):
                self._backend.remove(path)
        self._doomed.clear()
        sync_folder(self._folder)


@HOOKS.register_module(name=['AtomicCheckpointHook', 'CheckpointHook'])
class AtomicCheckpointHook(CheckpointHook):
    """MMEngine's hook, but an old checkpoint goes only after the new one is whole and synced.

    MMEngine removes first: with one checkpoint kept, a disk that fills in between leaves none.
    It also removes whatever file or folder a resumed checkpoint calls the best one; here nothing
    outside the run's own folder is removed. In the scope ``mmaction`` it is also what the name
    ``CheckpointHook`` means, so that a config that names MMEngine's hook, or none, gets this one.

    Args:
        **kwargs: As for :class:`mmengine.hooks.CheckpointHook`.

    Example:
        >>> HOOKS.build(dict(type='AtomicCheckpointHook')).priority
        'VERY_LOW'
    """

    def before_train(self, runner) -> None:
        """Learn from a resumed checkpoint what there is; remove what a killed run left over."""
        super().before_train(runner)
        backend: Any = self.file_backend  # type: ignore[has-type]
        self.file_backend = DeferredRemoval(backend, self.out_dir)
        # Else a validation that is made up for would not bring the last checkpoint up to date.
        self.last_ckpt = runner.message_hub.get_info('last_ckpt')
        if is_main_process():
            self._remove_stale_best(runner.message_hub.runtime_info)

    def _remove_stale_best(self, info: dict) -> None:
        """Remove the best checkpoint before last, if a run was killed before it did so."""
        several = len(self.key_indicators) > 1 if self.save_best else False
        for key in self.key_indicators if self.save_best else ():
            best = info.get(f'best_ckpt_{key}' if several else 'best_ckpt')
            if not best or not self.file_backend.isfile(best):
                continue
            start = f'best_{key}_'.replace('/', '_')
            step = re.escape(self.filename_tmpl).replace(r'\{\}', r'\d+')
            for path in Path(self.out_dir).glob('best_*.pth'):
                if path.name != osp.basename(best) and re.fullmatch(
                    re.escape(start) + step, path.name
                ):
                    self.file_backend.remove(str(path))
        self.file_backend.flush()

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        """Save, point ``last_checkpoint`` at it, then remove what is no longer kept."""
        surplus = []
        if self.max_keep_ckpts > 0:
            known = self.keep_ckpt_ids  # type: ignore[has-type]
            kept = [*(one for one in known if one != step), step]
            # The file names also what it will outlive: a run killed before the removal makes up
            # for it when it is resumed.
            runner.message_hub.update_info('keep_ckpt_ids', kept)
            surplus, kept = kept[: -self.max_keep_ckpts], kept[-self.max_keep_ckpts :]
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            with atomic_write(osp.join(runner.work_dir, POINTER)) as file:
                file.write(self.last_ckpt)
            for old in (INTERRUPTED, *map(self.filename_tmpl.format, surplus)):
                self.file_backend.remove(self.file_backend.join_path(self.out_dir, old))
            self.file_backend.flush()
        if self.max_keep_ckpts > 0:
            self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
            runner.message_hub.update_info('keep_ckpt_ids', kept)

    def _save_best_checkpoint(self, runner, metrics) -> None:
        super()._save_best_checkpoint(runner, metrics)
        if is_main_process():
            self.file_backend.flush()
