# SPDX-License-Identifier: Apache-2.0
"""A training's hold on its folder, and what it leaves there."""

import traceback
from contextlib import contextmanager

from mmaction.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop

from tmx_plugin.engine import work_dir


@HOOKS.register_module()
class RunFolderHook(Hook):
    """Keep a second training out of the work directory, and leave nothing behind.

    The folder is locked from the start of a training to its end. A file that an earlier run left
    half-written is removed. Workers of the data loaders are stopped at the end, which lets them
    remove their folders under ``/tmp``.

    Example:
        >>> HOOKS.build(dict(type='RunFolderHook')).priority
        'VERY_HIGH'
    """

    # Before the checkpoint to resume from is chosen.
    priority = 'VERY_HIGH'

    def before_run(self, runner) -> None:
        """Take the folder, if this is a training."""
        if isinstance(runner._train_loop, BaseLoop) and is_main_process():
            work_dir.lock(runner.work_dir)
            work_dir.remove_leftovers(runner.work_dir)

    def after_run(self, runner) -> None:
        """Let go of the folder and stop the workers."""
        stop_all_workers(runner)
        if is_main_process():
            work_dir.unlock(runner.work_dir)


@contextmanager
def ended_workers(runner):
    """Where the block ends by an error or a signal, let the workers of all loops end in order.

    Workers that are ended by the system leave their folder of sockets (``pymp-*``).
    """
    try:
        yield
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)  # which hold iterators with workers
        stop_all_workers(runner)
        raise


def stop_all_workers(runner) -> None:
    """End the worker processes of all loops of a runner."""
    for loop in (runner._train_loop, runner._val_loop, runner._test_loop):
        stop_workers(getattr(loop, 'dataloader', None))


def stop_workers(dataloader) -> None:
    """End the worker processes that a data loader keeps between epochs."""
    iterator = getattr(dataloader, '_iterator', None)
    if iterator is not None:
        iterator._shutdown_workers()
        dataloader._iterator = None
