# SPDX-License-Identifier: Apache-2.0
"""Random numbers that depend on the epoch alone, not on what ran before it."""

import random

import numpy as np
import torch
from mmaction.registry import HOOKS
from mmengine.dist import broadcast_object_list, get_rank
from mmengine.hooks import Hook


def set_dataset_epoch(dataset, epoch: int, seed: int) -> None:
    """Call ``set_epoch(epoch, seed)`` of a dataset, or of every dataset inside its wrappers.

    Args:
        dataset: A dataset, or a wrapper holding one in ``dataset`` or several in ``datasets``.
            One without ``set_epoch`` is left alone.
        epoch (int): Epoch, counted from 0.
        seed (int): Seed of the run, the same in every process.
    """
    if hasattr(dataset, 'set_epoch'):
        dataset.set_epoch(epoch, seed)
        return
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    for one in inner:
        if one is not None:
            set_dataset_epoch(one, epoch, seed)


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Make an epoch's random numbers a function of (seed, epoch, rank).

    A run that was stopped and resumed then equals one that was not. Without it the generators go
    on from wherever they are, and the workers of a data loader that does not keep them alive draw
    the same crops in every epoch.

    Crops come from the dataset, which is told its epoch and seed and derives a generator of its
    own for every sample, so that they do not depend on the number of workers either.

    Example:
        >>> HOOKS.build(dict(type='EpochSeedHook')).priority
        'NORMAL'
    """

    # After DistSamplerSeedHook (NORMAL) nothing depends on the order; before the model runs.
    priority = 'NORMAL'

    def before_train(self, runner) -> None:
        """Agree on one seed, that of the checkpoint when resuming.

        The sampler was built before the checkpoint was read and may hold another seed.
        """
        seed = [runner.seed]
        broadcast_object_list(seed)  # ranks differ under ``diff_rank_seed``
        self._seed = seed[0]
        sampler = runner.train_dataloader.sampler
        if hasattr(sampler, 'seed'):
            sampler.seed = self._seed

    def before_train_epoch(self, runner) -> None:
        """Tell the dataset its epoch and restart the global generators."""
        set_dataset_epoch(runner.train_dataloader.dataset, runner.epoch, self._seed)
        self._reseed(runner.epoch, 'load')

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Restart once more after the data loader has started.

        Starting workers draws a number, which a loader that keeps its workers draws only once.
        """
        if batch_idx == 0:
            self._reseed(runner.epoch, 'train')

    def _reseed(self, epoch: int, stream: str) -> None:
        entropy = (self._seed, epoch, get_rank(), ('load', 'train').index(stream))
        words = np.random.SeedSequence(entropy).generate_state(3)
        random.seed(int(words[0]))
        np.random.seed(words[1])
        torch.manual_seed(int(words[2]))
