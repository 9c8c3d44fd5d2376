# SPDX-License-Identifier: Apache-2.0
"""The assembled model: shapes, padding, batches, and the corners of the loss."""

import pytest
import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.structures import InstanceData
from torch import nn

import tmx_plugin  # noqa: F401
from tmx_plugin.errors import NotFiniteError
from tmx_plugin.models.heads.temporal_maxer_head import pack_levels
from tmx_plugin.models.necks.temporal_maxer_neck import level_lengths

LAYER_NORM = dict(type='LN', eps=1e-6)
GROUP_NORM = dict(type='GN', num_groups=4, affine=False)
RANGES = [(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)]
META = dict(feature_stride=4, offset_frames=8, fps=30.0, duration=100.0, video_id='v')


def build(norm_cfg=LAYER_NORM, **neck):
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='TemporalMaxer',
            data_preprocessor=dict(type='TALDataPreprocessor', pad_to=128),
            neck=dict(
                type='TemporalMaxerNeck', in_channels=8, out_channels=16, norm_cfg=norm_cfg, **neck
            ),
            head=dict(
                type='TemporalMaxerHead',
                num_classes=3,
                in_channels=16,
                feat_channels=16,
                regression_ranges=RANGES,
            ),
        )
    )
    for p in model.parameters():  # away from the symmetric start
        p.data.add_(torch.randn_like(p) * 0.05)
    return model


def sample(segments=(), labels=(), **meta):
    data_sample = ActionDataSample(metainfo={**META, **meta})
    data_sample.gt_instances = InstanceData(
        segments=torch.tensor(segments, dtype=torch.float32).reshape(-1, 2),
        labels=torch.tensor(labels, dtype=torch.long),
    )
    return data_sample


def padded(feats, length):
    """Batch (B, C, T) and masks of ragged features (T_i, C)."""
    inputs = torch.stack([F.pad(f, (0, 0, 0, length - len(f))) for f in feats]).transpose(1, 2)
    masks = torch.arange(length) < torch.tensor([len(f) for f in feats])[:, None]
    return inputs, masks


@pytest.mark.parametrize('length', [1, 2, 3, 31, 64, 100])
@pytest.mark.parametrize('norm_cfg', [LAYER_NORM, GROUP_NORM])
def test_shapes(length, norm_cfg):
    logits, offsets, masks = build(norm_cfg).eval()(torch.rand(2, 8, length))
    lengths = level_lengths(length, 6)
    assert [tuple(x.shape) for x in logits] == [(2, 3, n) for n in lengths]
    assert [tuple(x.shape) for x in offsets] == [(2, 2, n) for n in lengths]
    assert [tuple(x.shape) for x in masks] == [(2, n) for n in lengths]
    assert all((x >= 0).all() for x in offsets)


def test_level_lengths_halve_rounding_up():
    assert level_lengths(613, 6) == [613, 307, 154, 77, 39, 20]
    assert level_lengths(1, 3) == [1, 1, 1]


def test_packed_pyramid_equals_one_level_at_a_time():
    torch.manual_seed(0)
    lengths = level_lengths(37, 6)
    feats = [torch.randn(2, 16, n) for n in lengths]
    masks = [torch.ones(2, n, dtype=torch.bool) for n in lengths]
    head = build().head.eval()
    logits, offsets, _ = head(feats, masks)
    for level, feat in enumerate(feats):
        x = feat.transpose(1, 2).contiguous()
        ones = torch.ones(2, lengths[level], 1)
        cls_feat, reg_feat = x, x
        for cls_block, reg_block in zip(head.cls_tower, head.reg_tower):
            cls_feat, reg_feat = cls_block(cls_feat, ones), reg_block(reg_feat, ones)
        torch.testing.assert_close(logits[level], head.cls_conv(cls_feat.transpose(1, 2)))
        single = F.relu(head.scales[level](head.reg_conv(reg_feat.transpose(1, 2))))
        torch.testing.assert_close(offsets[level], single)
    packed, mask, slices = pack_levels(feats, masks)
    assert packed.shape[1] == sum(lengths) + 5
    assert mask.sum() == 2 * sum(lengths)
    assert [s.stop - s.start for s in slices] == lengths


def test_padding_does_not_change_the_pyramid():
    model = build().eval()
    feats = torch.rand(1, 8, 33)
    alone = model.neck.pyramid(feats, torch.ones(1, 33, dtype=torch.bool))[0]
    inputs, masks = padded([feats[0].T], 128)
    in_batch = model.neck.pyramid(inputs, masks)[0]
    for a, b in zip(alone, in_batch):
        torch.testing.assert_close(b[:, : a.shape[1]], a)


@pytest.mark.parametrize('norm_cfg', [LAYER_NORM, GROUP_NORM])
@pytest.mark.parametrize('lengths', [(128, 77, 1), (64, 63, 2), (5, 5, 5), (33, 96, 40)])
def test_a_video_gets_in_a_batch_what_it_gets_alone(norm_cfg, lengths):
    model = build(norm_cfg).eval()
    torch.manual_seed(1)
    feats = [torch.rand(n, 8) for n in lengths]
    inputs, masks = padded(feats, max(lengths))
    together = model.head(*model.neck(inputs, masks, lengths))
    predictions = model(inputs, [sample() for _ in feats], mode='predict', masks=masks)
    for i, feat in enumerate(feats):
        alone = model(feat.T[None])
        for stage in range(2):  # logits, offsets
            for level, expected in enumerate(alone[stage]):
                found = together[stage][level][i][:, together[2][level][i]]
                torch.testing.assert_close(found, expected[0])
        single = model(feat.T[None], [sample()], mode='predict')[0].pred_instances
        torch.testing.assert_close(predictions[i].pred_instances.scores, single.scores)


def test_more_padding_in_training_changes_no_valid_output_with_layer_norm():
    model = build().eval()
    for norm in model.neck.level_norms:  # a bias is seen from the last valid position
        nn.init.zeros_(norm.bias)
    feat = torch.rand(40, 8)
    outputs = []
    for length in (128, 256):
        inputs, masks = padded([feat], length)
        outputs.append(model(inputs, masks=masks))
    for stage in range(2):
        for short, long, mask in zip(outputs[0][stage], outputs[1][stage], outputs[0][2]):
            valid = int(mask.sum())
            torch.testing.assert_close(short[..., :valid], long[..., :valid])


def losses_of(model, samples, length=64):
    torch.manual_seed(0)
    return model(torch.rand(len(samples), 8, length), samples, mode='loss')


def test_no_ground_truth_trains_and_moves_only_the_classifier():
    model = build().train()
    losses = losses_of(model, [sample()])
    assert losses['num_pos'] == 0 and losses['loss_reg'] == 0 and losses['loss_cls'] > 0
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    assert model.head.cls_conv.weight.grad.abs().sum() > 0
    # Attached to the graph, so that processes that reduce gradients do not wait for ever.
    assert all(p.grad is not None for p in model.head.reg_tower.parameters())
    assert model.head.reg_conv.weight.grad.abs().sum() == 0


def test_one_video_without_ground_truth_beside_one_with():
    model = build().train()
    losses = losses_of(model, [sample(), sample([(10.0, 13.0)], [1])])
    assert losses['num_pos'] > 0
    assert torch.isfinite(losses['loss_cls']) and losses['loss_reg'] > 0


def test_segment_without_any_point_inside_has_no_positive():
    losses = losses_of(build().train(), [sample([(10.2, 10.7)], [1])])
    assert losses['num_pos'] == 0 and losses['loss_reg'] == 0


def test_single_grid_step():
    model = build().train()
    losses = losses_of(model, [sample([(0.0, 0.5)], [2])], length=1)
    assert torch.isfinite(losses['loss_cls'])
    predictions = model.eval()(torch.rand(1, 8, 1), [sample()], mode='predict')
    assert torch.isfinite(predictions[0].pred_instances.segments).all()


def test_normalizer_moves_in_training_only():
    model = build()
    samples = [sample([(10.0, 13.0)], [1])]
    model.eval()
    losses_of(model, samples)
    assert model.head.loss_normalizer == 100
    model.train()
    num_pos = losses_of(model, samples)['num_pos']
    torch.testing.assert_close(model.head.loss_normalizer, 90 + 0.1 * num_pos)


def test_balanced_loss_weight_makes_both_losses_equal():
    model = build().train()
    model.head.loss_weight = 0
    losses = losses_of(model, [sample([(10.0, 30.0)], [1])])
    torch.testing.assert_close(losses['loss_reg'], losses['loss_cls'])


def test_predictions_are_sorted_seconds_inside_the_video():
    model = build().eval()
    inputs = torch.rand(1, 8, 100)
    found = model(inputs, [sample(duration=9.0)], mode='predict')[0].pred_instances
    assert (found.scores.diff() <= 0).all()
    assert found.segments.min() >= 0 and found.segments.max() <= 9.0
    assert found.labels.dtype == torch.int64


def test_preprocessor_pads_training_to_a_length_and_testing_to_the_longest():
    preprocess = build().data_preprocessor
    data = dict(inputs=[torch.rand(7, 8), torch.rand(5, 8)], data_samples=[sample(), sample()])
    trained = preprocess(data, training=True)
    assert trained['inputs'].shape == (2, 8, 128) and trained['masks'].sum() == 12
    tested = preprocess(data, training=False)
    assert tested['inputs'].shape == (2, 8, 7)
    assert tested['inputs'][1, :, 5:].abs().sum() == 0
    torch.testing.assert_close(tested['inputs'][0], data['inputs'][0].T)
    with pytest.raises(ValueError, match='129 grid steps, more than pad_to=128'):
        preprocess(dict(inputs=[torch.rand(129, 8)]), training=True)


def test_padding_and_masks_as_in_the_papers_own_release():
    model = build(GROUP_NORM, mask_pooling='nearest').eval()
    model.data_preprocessor.test_pad_to = 64
    feats = [torch.rand(40, 8), torch.rand(70, 8)]
    data = model.data_preprocessor(dict(inputs=feats, data_samples=[sample(), sample()]))
    assert data['lengths'] == [64, 96] and data['inputs'].shape[-1] == 96
    together = model(**data, mode='predict')
    for feat, length, found in zip(feats, (64, 96), together):
        inputs, masks = padded([feat], length)  # the padding takes part in GroupNorm's statistics
        logits, _, level_masks = model(inputs, masks=masks)
        # 40 steps: 20, 10, 5, 3, 2; max-pooling of the mask would give 21, 11, 6, 4, 3.
        assert [int(m.sum()) for m in level_masks] == level_lengths(len(feat), 6)
        best = max(x[0][:, m[0]].max() for x, m in zip(logits, level_masks)).sigmoid()
        torch.testing.assert_close(found.pred_instances.scores[0], best)
    with pytest.raises(ValueError, match="must be 'max' or 'nearest', got 'min'"):
        build(mask_pooling='min')


def test_masks_of_numbers_mean_the_same():
    model = build().eval()
    inputs, masks = padded([torch.rand(40, 8), torch.rand(25, 8)], 40)
    samples = [[sample(), sample()] for _ in range(2)]
    found = [
        model(inputs, s, mode='predict', masks=m) for s, m in zip(samples, (masks, masks.long()))
    ]
    for a, b in zip(*found):
        for name in ('segments', 'scores', 'labels'):
            assert torch.equal(a.pred_instances[name], b.pred_instances[name])
    whole = model(inputs, [sample(), sample()], mode='predict')  # without masks all is valid
    assert not torch.equal(whole[1].pred_instances.scores, found[0][1].pred_instances.scores)


def test_nan_is_an_error_that_names_the_video():
    inputs = torch.rand(2, 8, 40)
    inputs[1] = torch.nan
    with pytest.raises(NotFiniteError, match="video 'broken': .* class logits are NaN or infin"):
        build().eval()(inputs, [sample(video_id='good'), sample(video_id='broken')], mode='predict')


@pytest.mark.parametrize('mode', ['loss', 'predict'])
def test_data_samples_are_asked_for(mode):
    with pytest.raises(ValueError, match=f"mode '{mode}' needs data_samples"):
        build()(torch.rand(1, 8, 10), mode=mode)


def test_video_of_padding_alone_has_no_detections():
    masks = torch.ones(2, 20, dtype=torch.bool)
    masks[1] = False
    for norm_cfg in (LAYER_NORM, GROUP_NORM):
        model = build(norm_cfg).eval()
        inputs = torch.rand(2, 8, 20) * masks[:, None]
        found = model(inputs, [sample(), sample()], mode='predict', masks=masks)
        assert [len(s.pred_instances.scores) > 0 for s in found] == [True, False]
        losses = model.train()(
            inputs,
            [sample(), sample([(1.0, 5.0)], [0])],
            mode='loss',
            masks=torch.zeros_like(masks),
        )
        assert losses['loss_cls'] == 0 and losses['num_pos'] == 0


def test_wrong_width_is_named():
    with pytest.raises(ValueError, match='8 channels .*these have 9'):
        build()(torch.rand(1, 9, 10))


def test_levels_must_match():
    model = build(num_levels=5)
    with pytest.raises(ValueError, match='6 regression ranges but the neck gives 5 levels'):
        model(torch.rand(1, 8, 10))


@pytest.mark.parametrize('norm_cfg', [LAYER_NORM, GROUP_NORM])
def test_bfloat16_trains_and_stays_close(norm_cfg):
    samples = [sample([(10.0, 13.0)], [1]), sample()]
    losses, gradients = [], []
    for enabled in (False, True):
        model = build(norm_cfg).train()
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=enabled):
            losses.append(losses_of(model, samples))
        (losses[-1]['loss_cls'] + losses[-1]['loss_reg']).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    for name in ('loss_cls', 'loss_reg'):
        assert losses[0][name] > 0 and losses[1][name] != losses[0][name]
        assert abs(losses[1][name] / losses[0][name] - 1) < 0.05
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99
