# SPDX-License-Identifier: Apache-2.0
"""The hook that ends a training, by itself."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import nn

from tmx_plugin.engine.hooks import FiniteHook
from tmx_plugin.engine.hooks.finite_hook import drop_bad_gradients
from tmx_plugin.errors import NotFiniteError


@pytest.fixture
def runner(tmp_path):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    wrapper = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=0.1))
    return SimpleNamespace(model=model, optim_wrapper=wrapper, epoch=3, work_dir=str(tmp_path))


BATCH = dict(data_samples=[SimpleNamespace(metainfo=dict(video_id=name)) for name in 'ab'])


def step(hook, runner, factor=1.0, **losses):
    runner.optim_wrapper.update_params((runner.model(torch.ones(1, 2)) * factor).sum())
    hook.after_train_iter(runner, 6, BATCH, {key: torch.tensor(x) for key, x in losses.items()})


def test_names_the_loss_that_is_not_finite(runner):
    hook = FiniteHook()
    hook.before_train(runner)
    step(hook, runner, loss_cls=1.0, loss_reg=2.0, num_pos=float('inf'))
    with pytest.raises(NotFiniteError) as caught:
        step(hook, runner, loss_cls=1.0, loss_reg=float('nan'))
    assert str(caught.value) == (
        'epoch 4, iteration 7: loss_reg is nan, at the learning rate 0.1, with the videos a, b; '
        'training stops, and no checkpoint was saved'
    )


def test_a_bad_gradient_never_reaches_the_weights(runner):
    hook = FiniteHook()
    hook.before_train(runner)
    before = [p.clone() for p in runner.model.parameters()]
    with pytest.raises(NotFiniteError, match='the gradient of 0.weight is not finite'):
        step(hook, runner, factor=float('inf'), loss=1.0)
    assert all(map(torch.equal, before, runner.model.parameters()))
    hook.after_train(runner)
    step(hook, runner, factor=float('inf'), loss=1.0)  # no longer looked at


def test_loss_scaling_may_skip_a_few_steps(runner):
    runner.optim_wrapper = AmpOptimWrapper.__new__(AmpOptimWrapper)  # would ask for a GPU
    runner.optim_wrapper.optimizer = torch.optim.SGD(runner.model.parameters(), lr=0.1)
    runner.optim_wrapper.base_param_settings = None
    hook, outputs = FiniteHook(patience=2), dict(loss=torch.tensor(float('inf')))
    for _ in range(3):  # a good one in between starts the count again
        hook.after_train_iter(runner, 0, BATCH, outputs)
        hook.after_train_iter(runner, 0, BATCH, outputs)
        hook.after_train_iter(runner, 0, BATCH, dict(loss=torch.tensor(1.0)))
    hook.after_train_iter(runner, 0, BATCH, outputs)
    hook.after_train_iter(runner, 0, BATCH, outputs)
    with pytest.raises(NotFiniteError, match='loss is inf'):
        hook.after_train_iter(runner, 0, BATCH, outputs)


def test_gradients_that_are_finite_stay():
    layer = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1)
    assert drop_bad_gradients(optimizer, {}) is None
    layer(torch.ones(1, 2)).sum().backward()
    assert drop_bad_gradients(optimizer, {}) is None and layer.weight.grad is not None
