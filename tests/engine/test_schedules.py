# SPDX-License-Identifier: Apache-2.0
"""The schedules of configs/_base_/schedules, against the formula and the reference's numbers."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS


def learning_rates(config, epoch_length, num_iters, lr=1e-4):
    """What the optimizer's lr is in each iteration, stepped as ParamSchedulerHook does."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    schedulers = []
    for cfg in copy.deepcopy(list(config.param_scheduler)):
        assert cfg.pop('convert_to_iter_based')
        cls = PARAM_SCHEDULERS.get(cfg.pop('type'))
        schedulers.append(
            cls.build_iter_from_epoch(optimizer=optimizer, epoch_length=epoch_length, **cfg)
        )
    rates = []
    for _ in range(num_iters):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return np.array(rates)


@pytest.fixture(params=['adamw_50e', 'adamw_35e'])
def schedule(request, repo):
    return request.param, Config.fromfile(repo / f'configs/_base_/schedules/{request.param}.py')


@pytest.mark.parametrize('epoch_length', [1, 2, 100])
def test_against_the_formula(schedule, epoch_length):
    name, config = schedule
    last = {'adamw_50e': 65, 'adamw_35e': 35}[name] * epoch_length
    warmup, lr = 5 * epoch_length, 1e-4
    expected = [
        lr * k / (warmup - 1)
        if k < warmup
        else 1e-8 + (lr - 1e-8) * (1 + math.cos(math.pi * (k - warmup) / (last - warmup))) / 2
        for k in range(config.train_cfg.max_epochs * epoch_length)
    ]
    rates = learning_rates(config, epoch_length, len(expected))
    assert np.abs(rates - expected).max() < 1e-15
    assert rates[0] < 1e-15 and rates[warmup] == pytest.approx(lr)


@pytest.mark.parametrize(
    'dataset',
    [
        'thumos_i3d',
        'multithumos_i3d',
        'multithumos_i3d_rgb',
        'epic_kitchens_slowfast_noun',
        'epic_kitchens_slowfast_verb',
    ],
)
def test_against_the_reference(dataset, golden_dir, repo):
    with np.load(golden_dir / f'model_{dataset}_s0.npz', allow_pickle=False) as golden:
        expected = golden['steps14/lr']
        step = json.loads(golden['info_json'].tobytes().decode())['step5']
    name = 'adamw_35e' if 'epic' in dataset else 'adamw_50e'
    config = Config.fromfile(repo / f'configs/_base_/schedules/{name}.py')
    rates = learning_rates(config, step['iters_per_epoch'], len(expected))
    np.testing.assert_allclose(rates, expected, rtol=0, atol=1e-12)
    step['optimizer'].pop('paramwise')
    assert config.optim_wrapper.optimizer == dict(step['optimizer'], fused=True)
    assert config.optim_wrapper.clip_grad.max_norm == step['clip']


def test_weight_decay_acts_on_convolution_weights_alone(repo):
    from mmaction.registry import MODELS

    import tmx_plugin  # noqa: F401

    model = MODELS.build(
        dict(
            type='TemporalMaxer',
            neck=dict(type='TemporalMaxerNeck', in_channels=4, out_channels=8),
            head=dict(
                type='TemporalMaxerHead',
                num_classes=3,
                in_channels=8,
                feat_channels=8,
                regression_ranges=[(0, 10000)] * 6,
            ),
        )
    )
    config = Config.fromfile(repo / 'configs/_base_/schedules/adamw_50e.py')
    groups = build_optim_wrapper(model, config.optim_wrapper).optimizer.param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed = {
        names[id(parameter)]
        for group in groups
        for parameter in group['params']
        if group['weight_decay'] == 0.05
    }
    assert decayed == {name for name, parameter in model.named_parameters() if parameter.ndim == 3}
    assert all(group['weight_decay'] in (0, 0.05) for group in groups)
    assert sum(len(group['params']) for group in groups) == len(names)


def test_fused_steps_are_those_of_the_plain_optimizer(repo):
    config = Config.fromfile(repo / 'configs/_base_/schedules/adamw_50e.py')
    weights = []
    for fused in (True, False):
        torch.manual_seed(0)
        layer = torch.nn.Conv1d(4, 8, 3)
        config.optim_wrapper.optimizer.fused = fused
        wrapper = build_optim_wrapper(layer, copy.deepcopy(config.optim_wrapper))
        for _ in range(10):
            wrapper.update_params(layer(torch.randn(2, 4, 9)).square().sum())
        weights.append(layer.weight.detach())
    torch.testing.assert_close(*weights, rtol=0, atol=1e-7)
