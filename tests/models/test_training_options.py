# SPDX-License-Identifier: Apache-2.0
"""Options of the training that the published method does not have."""

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.structures import InstanceData

from tmx_plugin.datasets.transforms import StretchTime
from tmx_plugin.errors import ConfigError
from tmx_plugin.models import TemporalMaxerNeck
from tmx_plugin.models.heads.frame_head import frame_targets
from tmx_plugin.models.necks.temporal_maxer_neck import add_from_above, add_noise

SAMPLE = type(
    'Sample',
    (),
    dict(
        gt_instances=InstanceData(
            segments=torch.tensor([[2.0, 9.0], [12.0, 30.0]]), labels=torch.tensor([0, 2])
        )
    ),
)


def losses(**options):
    """Losses and gradients of a small model in training, with options of model, neck and head."""
    torch.manual_seed(0)
    head = dict(
        type='TemporalMaxerHead',
        num_classes=3,
        in_channels=16,
        feat_channels=16,
        regression_ranges=[(0, 4), (4, 8), (8, 10000)],
    )
    neck = dict(type='TemporalMaxerNeck', in_channels=8, out_channels=16, num_levels=3)
    parts = dict(head=head | options.pop('head', {}), neck=neck | options.pop('neck', {}))
    model = MODELS.build(dict(type='TemporalMaxer', **parts, **options)).train()
    torch.manual_seed(1)
    inputs = torch.rand(1, 8, 40)
    torch.manual_seed(2)
    found = model(inputs, [SAMPLE], mode='loss')
    sum(value for name, value in found.items() if name.startswith('loss')).backward()
    return {name: float(value.detach()) for name, value in found.items()}, model


@pytest.mark.parametrize(
    'options',
    [
        dict(neck=dict(input_noise=0.0, time_dropout=0.0, top_down=None)),
        dict(head=dict(dropout=0.0)),
        dict(frame_head=None),
        dict(neck=dict(top_down=0.0)),  # starts as if it was not there
    ],
)
def test_off_is_the_published_loss(options):
    assert losses(**options)[0] == losses()[0]


@pytest.mark.parametrize(
    'options',
    [
        dict(neck=dict(input_noise=0.5)),
        dict(neck=dict(time_dropout=0.3)),
        dict(neck=dict(top_down=1.0)),
        dict(head=dict(dropout=0.3)),
        dict(frame_head=dict(type='FrameHead')),
    ],
)
def test_on_changes_the_loss_and_trains_every_weight(options):
    found, model = losses(**options)
    assert found != losses()[0]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize('option', ['input_noise', 'time_dropout'])
def test_testing_is_not_disturbed(option):
    necks = []
    for value in (0.0, 0.5):
        torch.manual_seed(0)
        neck = TemporalMaxerNeck(in_channels=4, out_channels=8, num_levels=2, **{option: value})
        necks.append(neck.eval()(torch.ones(1, 4, 6), torch.ones(1, 6, dtype=torch.bool))[0])
    for plain, disturbed in zip(*necks):
        assert torch.equal(plain, disturbed)


def test_noise_is_in_deviations_of_the_channel_and_leaves_padding():
    torch.manual_seed(0)
    x = torch.randn(2, 4000, 2) * torch.tensor([1.0, 10.0])
    masks = torch.ones(2, 4000, dtype=torch.bool)
    masks[1, 3000:] = False
    x = x * masks[..., None]
    added = add_noise(x, masks, 0.5) - x
    assert added[masks].std(0) == pytest.approx([0.5, 5.0], rel=0.05)
    assert not added[~masks].any()


def test_from_above_by_hand():
    feats = [
        torch.zeros(1, 5, 1),
        torch.tensor([[[1.0], [0.0], [2.0]]]),
        torch.tensor([[[4.0], [3.0]]]),
    ]
    masks = [torch.ones(1, n, dtype=torch.bool) for n in (5, 3, 2)]
    finest, middle, top = add_from_above(feats, masks, torch.tensor([[1.0], [0.5]]))
    assert top.flatten().tolist() == [4, 3]
    assert middle.flatten().tolist() == [3, 2, 3.5]  # + half of 4, max(4, 3), 3
    assert finest.flatten().tolist() == [3, 3, 2, 3.5, 3.5]


def test_a_video_gets_from_above_what_it_gets_alone():
    torch.manual_seed(0)
    neck = TemporalMaxerNeck(in_channels=4, out_channels=8, num_levels=4, top_down=1.0).eval()
    x = torch.randn(1, 4, 13)
    alone, _ = neck(x, torch.ones(1, 13, dtype=torch.bool), [13])
    batch = torch.zeros(2, 4, 24)
    batch[0, :, :13], batch[1] = x[0], torch.randn(4, 24)
    masks = torch.arange(24) < torch.tensor([[13], [24]])
    together, _ = neck(batch, masks, [13, 24])
    for one, many in zip(alone, together):
        assert torch.allclose(one[0], many[0, :, : one.shape[2]], atol=1e-5)


def test_frame_targets_of_two_classes_at_once():
    segments = torch.tensor([[0.0, 2.0], [1.5, 3.0], [1.0, 2.0]])
    found = frame_targets(segments, torch.tensor([0, 1, 0]), 5, 3)
    assert found.T.tolist() == [[1, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0]]
    assert not frame_targets(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long), 4, 2).any()


def stretched(ratio, **options):
    feats = np.arange(10.0)[:, None]
    return StretchTime(ratio=ratio, **options)(
        dict(
            feats=[feats, feats],
            feat_len=10,
            rng=np.random.default_rng(0),
            segments_grid=np.array([[2.0, 6.0]], np.float32),
        )
    )


def test_stretch_takes_features_and_segments_along():
    half = stretched((0.5, 0.5))
    assert half['feats'][0].ravel().tolist() == [0, 2, 4, 6, 8] and half['feat_len'] == 5
    assert half['segments_grid'].tolist() == [[1, 3]]
    assert stretched((3, 3), max_seq_len=20)['segments_grid'].tolist() == [[4, 12]]
    same = stretched((1, 1))
    assert same['feat_len'] == 10 and same['segments_grid'].dtype == np.float32


def test_stretch_needs_positive_factors():
    with pytest.raises(ConfigError, match='ratio must be'):
        StretchTime(ratio=(0, 1))
