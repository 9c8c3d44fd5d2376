# SPDX-License-Identifier: Apache-2.0
"""Mixed precision and compilation of a training step, as the runner does them."""

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import tmx_plugin  # noqa: F401


def train(wrapper='OptimWrapper', compiled=False):
    """Losses of three training steps from the same start."""
    init_default_scope('mmaction')
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='TemporalMaxer',
            data_preprocessor=dict(type='TALDataPreprocessor', pad_to=32),
            neck=dict(type='TemporalMaxerNeck', in_channels=8, out_channels=16),
            head=dict(
                type='TemporalMaxerHead',
                num_classes=3,
                in_channels=16,
                feat_channels=16,
                regression_ranges=[(0, 10000)] * 6,
            ),
        )
    ).train()
    optim_wrapper = build_optim_wrapper(
        model,
        ConfigDict(  # as a config gives it
            type=wrapper,
            optimizer=dict(type='AdamW', lr=1e-2, weight_decay=0.05),
            paramwise_cfg=dict(norm_decay_mult=0.0),
            clip_grad=dict(max_norm=1.0),
        ),
    )
    step = torch.compile(model.train_step, backend='eager') if compiled else model.train_step
    sample = ActionDataSample(metainfo=dict(gt_segments_sec=np.zeros((1, 2))))
    sample.gt_instances = InstanceData(
        segments=torch.tensor([[3.0, 9.0]]), labels=torch.tensor([1])
    )
    data = dict(inputs=[torch.rand(20, 8)], data_samples=[sample])
    return [step(data, optim_wrapper)['loss'].item() for _ in range(3)]


def test_mixed_precision_on_a_cpu_trains_alike():
    expected, found = train(), train('CPUAmpOptimWrapper')
    assert found == pytest.approx(expected, rel=0.03) and found != expected
    assert found[2] < found[0]


def test_a_compiled_step_is_the_same():
    assert train(compiled=True) == pytest.approx(train(), rel=1e-5)
