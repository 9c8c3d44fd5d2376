# SPDX-License-Identifier: Apache-2.0
"""The hooks by themselves, on stand-ins for the runner."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from mmengine.fileio import get_file_backend
from mmengine.logging import MessageHub
from mmengine.model import ExponentialMovingAverage
from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from tmx_plugin.engine import file_backend
from tmx_plugin.engine.file_backend import AtomicBackend
from tmx_plugin.engine.hooks import (
    EpochSeedHook,
    ResumeValHook,
    TALCheckpointHook,
    TALEMAHook,
)
from tmx_plugin.engine.hooks.ema_hook import FusedEMA
from tmx_plugin.engine.hooks.epoch_seed_hook import set_dataset_epoch
from tmx_plugin.errors import CheckpointError, CheckpointMismatchError
from tmx_plugin.utils.files import WriteError


class EpochDataset(BaseDataset):
    """Remembers what it was told."""

    told = None

    def load_data_list(self):
        return [dict(), dict()]

    def set_epoch(self, epoch, seed):
        self.told = (epoch, seed)


def runner_at(epoch, seed=7, dataset=None):
    loader = SimpleNamespace(dataset=dataset, sampler=SimpleNamespace(seed=0))
    return SimpleNamespace(epoch=epoch, seed=seed, train_dataloader=loader)


def draws():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_numbers_depend_on_seed_and_epoch_and_not_on_the_past():
    seen = {}
    for seed in (7, 8):
        for epoch in (0, 1, 2):
            for past in (0, 5):
                hook, runner = EpochSeedHook(), runner_at(epoch, seed)
                hook.before_train(runner)
                hook.before_train_epoch(runner)
                loading = draws()
                torch.rand(past)  # what a data loader draws when it starts its workers
                hook.before_train_iter(runner, batch_idx=0)
                first = draws()
                hook.before_train_iter(runner, batch_idx=1)
                seen.setdefault((seed, epoch), set()).add((loading, first, draws()))
    assert all(len(numbers) == 1 for numbers in seen.values())
    assert len(set.union(*seen.values())) == 6


def test_the_sampler_gets_the_seed_of_the_run():
    runner = runner_at(0, seed=11)
    EpochSeedHook().before_train(runner)
    assert runner.train_dataloader.sampler.seed == 11


def test_datasets_inside_wrappers_learn_their_epoch():
    inner = [EpochDataset(), EpochDataset()]
    set_dataset_epoch(ConcatDataset(inner), 3, 5)
    assert [dataset.told for dataset in inner] == [(3, 5), (3, 5)]
    set_dataset_epoch(RepeatDataset(inner[0], 2), 4, 5)
    assert inner[0].told == (4, 5)
    set_dataset_epoch([1, 2, 3], 0, 0)  # a plain sequence has no epoch


class Weights(nn.Module):
    """One parameter, a float and an integer buffer."""

    def __init__(self, value=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value]))
        self.register_buffer('normalizer', torch.tensor(100.0))
        self.register_buffer('count', torch.tensor(0))


def ema_of(model, momentum=0.1):
    hook = TALEMAHook(momentum=momentum)
    runner = SimpleNamespace(model=model, iter=0, max_iters=10, _resume=False)
    hook.before_run(runner)
    return hook, runner


def test_ema_starts_as_a_copy_and_averages_from_the_first_step():
    model = Weights()
    hook, runner = ema_of(model)
    with torch.no_grad():
        model.weight.fill_(2.0)  # initialized or loaded after before_run
    hook.before_train(runner)
    weight, normalizer = 2.0, 100.0
    for step in range(5):
        with torch.no_grad():
            model.weight.add_(1.0)
            model.normalizer.mul_(0.9)
        hook.after_train_iter(runner, step)
        weight = 0.9 * weight + 0.1 * model.weight.item()
        normalizer = 0.9 * normalizer + 0.1 * model.normalizer.item()
    averaged = hook.ema_model.module
    assert averaged.weight.item() == pytest.approx(weight, rel=1e-6)
    assert averaged.normalizer.item() == pytest.approx(normalizer, rel=1e-6)


@pytest.mark.parametrize('interval', [1, 2])
def test_fused_average_is_mmengines(interval):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))  # an integer buffer too
    averages = [
        average(model, momentum=0.1, interval=interval, update_buffers=True)
        for average in (FusedEMA, ExponentialMovingAverage)
    ]
    for _ in range(5):
        model(torch.randn(4, 3))
        for p in model.parameters():
            p.data.add_(torch.randn_like(p))
        for average in averages:
            average.update_parameters(model)
    found, expected = (average.state_dict() for average in averages)
    torch.testing.assert_close(found, expected)


def test_a_resumed_ema_is_kept():
    model = Weights()
    hook, runner = ema_of(model)
    hook.before_train(runner)
    for step in range(2):
        with torch.no_grad():
            model.weight.add_(1.0)
        hook.after_train_iter(runner, step)
    checkpoint = dict(state_dict=model.state_dict())
    hook.before_save_checkpoint(runner, checkpoint)
    expected = hook.ema_model.module.weight.clone()
    assert torch.equal(checkpoint['state_dict']['weight'], expected)

    resumed, runner = ema_of(Weights())
    runner._resume = True
    resumed.after_load_checkpoint(runner, {k: dict(v) for k, v in checkpoint.items()})
    resumed.before_train(runner)
    assert torch.equal(resumed.ema_model.module.weight, expected)
    assert resumed.ema_model.steps == 3


def load(model, checkpoint, strict=True, resume=False):
    runner = SimpleNamespace(model=model, _resume=resume, _load_from='x.pth')
    TALCheckpointHook(strict=strict).after_load_checkpoint(runner, checkpoint)
    return checkpoint


def test_loading_comes_before_the_ema_copies_it():
    from mmengine.runner import get_priority

    assert get_priority(TALCheckpointHook.priority) < get_priority(TALEMAHook.priority)


def test_a_checkpoint_that_does_not_fit_is_refused_with_the_differences():
    state = dict(weight=torch.ones(2), normalizer=torch.tensor(1.0), other=torch.ones(1))
    with pytest.raises(CheckpointMismatchError) as error:
        load(Weights(), dict(state_dict=state, meta={}))
    for word in ('other', 'count', 'weight', '(2,)', '(1,)', 'load_checkpoint.strict=False'):
        assert word in str(error.value)


@pytest.mark.parametrize(
    'resume, options',
    [
        (False, 'add --cfg-options'),
        (True, 'leave out --resume and add --cfg-options load_from=x.pth'),
    ],
)
def test_how_to_start_from_what_fits_is_said(resume, options):
    state = dict(Weights().state_dict(), weight=torch.ones(2))
    rest = dict(
        meta=dict(epoch=1, iter=1),
        optimizer={},
        message_hub=MessageHub.get_instance('resume').state_dict(),
    )
    with pytest.raises(CheckpointMismatchError) as error:
        load(Weights(), dict(state_dict=state, **rest), resume=resume)
    assert str(error.value).splitlines()[-1] == (
        f'To start a training from the weights that do fit, {options} '
        'default_hooks.load_checkpoint.strict=False'
    )


def test_what_fits_is_loaded_when_asked_for():
    state = dict(weight=torch.ones(1), other=torch.ones(2))
    found = load(Weights(), dict(state_dict=state), strict=False)['state_dict']
    assert list(found) == ['weight'] and found['weight'] is state['weight']
    with pytest.raises(CheckpointMismatchError, match='nothing was loaded'):
        load(Weights(), dict(state_dict=dict(weight=torch.ones(2))), strict=False)


@pytest.mark.parametrize('rest', [{}, dict(optimizer={}, scheduler={}, epoch=3)])
def test_bare_weights_and_released_files_cannot_be_resumed(rest):
    with pytest.raises(CheckpointError, match='x.pth .* weights only'):
        load(Weights(), dict(state_dict=Weights().state_dict(), **rest), resume=True)


def test_eps_of_the_weights_is_handed_on_by_fine_tuning():
    hook, model = TALCheckpointHook(), Weights()
    runner = SimpleNamespace(model=model, _resume=False, _load_from='x.pth')
    saved = dict(meta={})
    hook.before_save_checkpoint(runner, saved)
    assert saved == dict(meta={})
    hook.after_load_checkpoint(
        runner, dict(state_dict=model.state_dict(), meta=dict(layer_norm_eps=1e-5))
    )
    hook.before_save_checkpoint(runner, saved)
    assert saved == dict(meta=dict(layer_norm_eps=1e-5))


def test_a_named_file_that_cannot_be_read_is_explained(tmp_path):
    path = tmp_path / 'x.pth'
    path.write_bytes(b'hello')
    runner = SimpleNamespace(_resume=False, _load_from=str(path))
    with pytest.raises(CheckpointError, match='x.pth is not a checkpoint'):
        TALCheckpointHook().before_run(runner)


def test_checkpoints_are_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    backend = get_file_backend('x.pth', backend_args=dict(backend='atomic'))
    assert isinstance(backend, AtomicBackend)
    path = tmp_path / 'new' / 'epoch_1.pth'
    backend.put(b'first', path)
    with pytest.raises(TypeError):
        backend.put('not bytes', path)
    assert path.read_bytes() == b'first' and len(list(path.parent.iterdir())) == 1
    monkeypatch.setattr(file_backend, 'free_bytes', lambda path: 3)
    with pytest.raises(WriteError, match='could not write .*epoch_1.pth: No space left on device'):
        backend.put(b'more', path)
    assert path.read_bytes() == b'first' and len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize(
    'epoch,resumed,best,expected',
    [
        (4, True, 'epoch_2', True),  # killed between saving and the end of the validation
        (4, True, 'epoch_4', False),  # the best checkpoint is saved after its validation
        (4, True, None, True),
        (3, True, None, False),  # not to be validated: every second epoch, and the last
        (5, True, None, True),
        (2, True, None, False),  # before validation begins
        (4, False, None, False),
    ],
)
def test_a_resumed_run_makes_up_for_the_validation_it_missed(
    tmp_path, epoch, resumed, best, expected
):
    loop = object.__new__(EpochBasedTrainLoop)
    loop.val_begin, loop.val_interval, loop._max_epochs = 3, 2, 5
    ran, info = [], {}
    if best:
        info['best_ckpt'] = str(tmp_path / f'best_average_mAP_{best}.pth')
        (tmp_path / f'best_average_mAP_{best}.pth').touch()
    runner = SimpleNamespace(
        train_loop=loop,
        epoch=epoch,
        _resume=resumed,
        val_loop=SimpleNamespace(run=lambda: ran.append(epoch)),
        iter=8,
        message_hub=SimpleNamespace(runtime_info=info, update_info_dict=info.update),
        logger=SimpleNamespace(info=print),
    )
    hook = ResumeValHook()
    hook.after_load_checkpoint(runner, {})
    hook.before_train(runner)
    assert bool(ran) == expected
