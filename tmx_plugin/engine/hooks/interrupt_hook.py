# SPDX-License-Identifier: Apache-2.0
"""A training that is asked to end saves where it is, and goes on from there."""

import os.path as osp
import random
import signal
import threading
from typing import Any

import numpy as np
import torch
from mmaction.registry import HOOKS
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, EpochBasedTrainLoop

from tmx_plugin.engine.work_dir import INTERRUPTED, POINTER, checkpoints
from tmx_plugin.errors import CheckpointError
from tmx_plugin.utils.files import atomic_write

from .checkpoint_hook import checkpoint_folder


class Terminated(SystemExit):
    """The process was asked to end (SIGTERM); half-written files are removed on the way out."""


class Rest:
    """A sampler without the samples that an epoch has seen already."""

    def __init__(self, sampler, seen: int) -> None:
        self.sampler, self.seen = sampler, seen

    def __iter__(self):
        for position, index in enumerate(self.sampler):
            if position >= self.seen:
                yield index

    def __len__(self) -> int:
        """Length of the whole epoch, which messages and schedules count by."""
        return len(self.sampler)


def random_state() -> dict:
    """State of all generators of this process as plain data."""
    state = dict(python=random.getstate(), numpy=np.random.get_state(), torch=torch.get_rng_state())
    if torch.cuda.is_available():
        state['cuda'] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict) -> None:
    """The inverse of :func:`random_state`, also after a way through a file."""
    version, words, gauss = state['python']
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = state['numpy']
    np.random.set_state((name, np.asarray(keys, np.uint32), *rest))
    torch.set_rng_state(state['torch'].cpu())
    if 'cuda' in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())


@HOOKS.register_module()
class InterruptHook(Hook):
    """On SIGTERM, finish the step, save to ``interrupted.pth``, and say how to go on.

    A training resumed from there sees the rest of the epoch only, with the random numbers that it
    would have had, and ends as one that was not interrupted. A second SIGTERM ends it at once. So
    does the first outside the steps of an epoch, in training by several processes, and in loops
    that do not count epochs; then work since the last checkpoint is lost.

    Example:
        >>> HOOKS.build(dict(type='InterruptHook')).priority
        'LOWEST'
    """

    # After all that a step does, and after EpochSeedHook has set the generators.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._asked = self._in_epoch = False
        self._previous: Any = None
        self._random = self._sampler = None
        self._seen = 0
        self._folder = ''

    def before_run(self, runner) -> None:
        """Listen to SIGTERM, if this is a training."""
        if not isinstance(runner._train_loop, BaseLoop):
            return
        self._folder = checkpoint_folder(runner)
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._handler(runner))

    def _handler(self, runner):
        def handle(number, frame):
            able = (
                self._in_epoch
                and get_world_size() == 1
                and isinstance(runner.train_loop, EpochBasedTrainLoop)
            )
            if able and not self._asked:
                self._asked = True
                runner.logger.warning('Asked to end: saving after this step')
                return
            self._end(runner, number)

        return handle

    def _end(self, runner, number=signal.SIGTERM) -> None:
        found = checkpoints(self._folder, runner.work_dir)
        runner.logger.warning(
            f'Terminated in epoch {runner.epoch + 1}. '
            + (
                f'The last checkpoint is {found[0]}; go on from it with --resume.'
                if found
                else 'There is no checkpoint yet.'
            )
        )
        raise Terminated(128 + number)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Remember how far into its epoch a resumed checkpoint is."""
        if not runner._resume:
            return
        seen = checkpoint['meta'].get('batches', 0)
        if type(seen) is not int or seen < 0:
            raise CheckpointError(
                f'{runner._load_from} cannot be resumed from: expected a number '
                f'of batches in its meta, found {str(seen)[:80]}'
            )
        self._seen, self._random = seen, checkpoint['meta'].get('random') if seen else None

    def before_train_epoch(self, runner) -> None:
        """Leave out the batches that were seen before the interruption."""
        self._in_epoch = True
        batches = getattr(runner.train_dataloader, 'batch_sampler', None)
        if self._seen and batches is not None and hasattr(batches, 'sampler'):
            runner.logger.info(f'Going on after batch {self._seen} of epoch {runner.epoch + 1}')
            self._sampler = batches.sampler
            batches.sampler = Rest(self._sampler, self._seen * batches.batch_size)

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Set the generators as they were, once the data loader has started."""
        if self._random is not None:
            try:
                set_random_state(self._random)
            except (TypeError, ValueError, KeyError, RuntimeError, AttributeError) as error:
                raise CheckpointError(
                    f'{runner._load_from} cannot be resumed from: its random '
                    f'state is damaged ({error})'
                ) from None
            self._random = None

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        """Save and end, if asked to, unless the epoch ends here or gradients are gathered."""
        done = self._seen + batch_idx + 1
        if (
            self._asked
            and runner.optim_wrapper.should_update()
            and (done < len(runner.train_dataloader))
        ):
            self._save(runner, epoch=runner.epoch, batches=done)
            self._end(runner)

    def after_train_epoch(self, runner) -> None:
        """The next epoch is whole again; save and end, if asked to in the last step."""
        self._in_epoch = False
        self._seen = 0
        if self._sampler is not None:
            runner.train_dataloader.batch_sampler.sampler = self._sampler
            self._sampler = None
        if self._asked:
            last = osp.basename(runner.message_hub.get_info('last_ckpt') or '')
            if last != f'epoch_{runner.epoch + 1}.pth':
                # the loop has counted the iterations of this epoch, but not yet the epoch
                self._save(runner, epoch=runner.epoch + 1, batches=0, ended=True)
            self._end(runner)

    def _save(self, runner, epoch: int, batches: int, ended: bool = False) -> None:
        runner.save_checkpoint(
            self._folder,
            INTERRUPTED,
            backend_args=dict(backend='atomic'),
            meta=dict(
                epoch=epoch, iter=runner.iter + (not ended), batches=batches, random=random_state()
            ),
        )
        with atomic_write(osp.join(runner.work_dir, POINTER)) as file:
            file.write(osp.join(self._folder, INTERRUPTED))

    def after_run(self, runner) -> None:
        """Listen no more."""
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
            self._previous = None
