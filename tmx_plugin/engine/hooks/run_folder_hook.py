# SPDX-License-Identifier: Apache-2.0
"""A training's hold on its folder, and its orderly end."""
import os
import signal
import threading

from mmaction.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop

from tmx_plugin.engine import work_dir


class Terminated(SystemExit):
    """The process was asked to end (SIGTERM); half-written files are removed on the way out."""


@HOOKS.register_module()
class RunFolderHook(Hook):
    """Keep a second training out of the work directory, and leave nothing behind.

    The folder is locked from the start of a training to its end. A file that an earlier run left
    half-written is removed. SIGTERM ends a training as an error does, so that temporary files go,
    after a sentence on how to resume. Workers of the data loaders are stopped at the end, which
    lets them remove their folders under ``/tmp``.
    """

    # Before the checkpoint to resume from is chosen.
    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._previous = None

    def before_run(self, runner) -> None:
        """Take the folder, if this is a training."""
        if not isinstance(runner._train_loop, BaseLoop):
            return
        if is_main_process():
            work_dir.lock(runner.work_dir)
            work_dir.remove_leftovers(runner.work_dir)
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._handler(runner))

    @staticmethod
    def _handler(runner):
        owner = os.getpid()

        def handle(number, frame):
            if os.getpid() != owner:  # a forked worker
                os._exit(128 + number)
            found = work_dir.checkpoints(runner.work_dir)
            runner.logger.warning(
                f'Terminated in epoch {runner.epoch + 1}. ' + (
                    f'The last checkpoint is {found[0]}; go on from it with --resume.'
                    if found else 'There is no checkpoint yet.'))
            raise Terminated(128 + number)

        return handle

    def after_run(self, runner) -> None:
        """Let go of the folder and stop the workers."""
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
            self._previous = None
        for loop in (runner._train_loop, runner._val_loop, runner._test_loop):
            stop_workers(getattr(loop, 'dataloader', None))
        if is_main_process():
            work_dir.unlock(runner.work_dir)


def stop_workers(dataloader) -> None:
    """End the worker processes that a data loader keeps between epochs."""
    iterator = getattr(dataloader, '_iterator', None)
    if iterator is not None:
        iterator._shutdown_workers()
        dataloader._iterator = None
