# SPDX-License-Identifier: Apache-2.0
import sys

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config

from tmx_plugin.apis import init_localizer
from tmx_plugin.apis import onnx_localizer as module
from tmx_plugin.apis.onnx_localizer import OnnxLocalizer, export_onnx
from tmx_plugin.errors import DataError, TmxError

pytest.importorskip('onnx')
ort = pytest.importorskip('onnxruntime')

NORMS = dict(LN=dict(type='LN', eps=1e-6), GN=dict(type='GN', num_groups=4, affine=False))


def make_config(norm='LN', **test_cfg):
    return Config(
        dict(
            model=dict(
                type='TemporalMaxer',
                neck=dict(
                    type='TemporalMaxerNeck',
                    in_channels=12,
                    out_channels=16,
                    num_levels=4,
                    norm_cfg=NORMS[norm],
                ),
                head=dict(
                    type='TemporalMaxerHead',
                    num_classes=3,
                    in_channels=16,
                    feat_channels=16,
                    prior_prob=0.2,
                    regression_ranges=[(0, 4), (4, 8), (8, 16), (16, 1000)],
                ),
                test_cfg=dict(max_seg_num=50, **test_cfg),
            )
        )
    )


def make_model(cfg):
    torch.manual_seed(0)
    model = init_localizer(cfg)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.rand_like(parameter))
    return model


@pytest.fixture(scope='module', params=NORMS)
def exported(request, tmp_path_factory):
    cfg = make_config(request.param)
    model = make_model(cfg)
    path = tmp_path_factory.mktemp('onnx') / 'model.onnx'
    assert export_onnx(model, path, classes=('a', 'b', 'c')) <= 1e-4
    return cfg, model, path


@pytest.mark.parametrize('batch, length', [(1, 7), (4, 64), (2, 333)])
def test_any_batch_and_length(exported, batch, length):
    _, model, path = exported
    masks = torch.arange(length) < torch.randint(1, length + 1, (batch, 1))
    features = torch.randn(batch, 12, length) * masks[:, None]
    logits, segments, valid = ort.InferenceSession(str(path)).run(
        None, dict(features=features.numpy(), masks=masks.numpy())
    )
    with torch.no_grad():
        cls, _, level_masks = model(features, masks=masks)
    expected = torch.cat(cls, -1).transpose(1, 2)
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert (valid == torch.cat(level_masks, -1).numpy()).all() and valid.any(1).all()
    assert segments.shape == (*logits.shape[:2], 2) and (segments[..., 0] <= segments[..., 1]).all()


def test_same_segments_as_the_model(exported):
    cfg, model, path = exported
    localizer = OnnxLocalizer(cfg, path)
    assert localizer.dataset_meta == dict(classes=('a', 'b', 'c'))
    meta = dict(duration=80.0, fps=5.0, feature_stride=4, offset_frames=8)
    data = [
        dict(
            inputs=[
                torch.randn(length, 12, generator=torch.Generator().manual_seed(length))
                for length in (90, 33)
            ],
            data_samples=[ActionDataSample(metainfo=meta) for _ in range(2)],
        )
        for _ in range(2)
    ]
    with torch.no_grad():
        expected = model.test_step(data[0])
    for found, want in zip(localizer.test_step(data[1]), expected):
        assert len(want.pred_instances) == 50
        for key in ('segments', 'scores'):
            torch.testing.assert_close(
                found.pred_instances[key], want.pred_instances[key], atol=1e-4, rtol=1e-4
            )


def test_candidates_of_each_level(tmp_path):
    cfg = make_config(per_level=True)
    export_onnx(make_model(cfg), tmp_path / 'm.onnx')
    sample = ActionDataSample(
        metainfo=dict(duration=9.0, fps=5.0, feature_stride=4, offset_frames=8)
    )
    found = OnnxLocalizer(cfg, tmp_path / 'm.onnx').test_step(
        dict(inputs=[torch.randn(11, 12)], data_samples=[sample])
    )
    assert len(found[0].pred_instances)


def test_padded_in_testing_as_the_model(tmp_path):
    cfg = make_config('GN')
    cfg.model.data_preprocessor = dict(type='TALDataPreprocessor', test_pad_to=64)
    model = make_model(cfg)
    export_onnx(model, tmp_path / 'm.onnx')
    meta = dict(duration=80.0, fps=5.0, feature_stride=4, offset_frames=8)
    features = [torch.randn(length, 12) for length in (90, 33)]
    expected, found = (
        localizer.test_step(
            dict(inputs=features, data_samples=[ActionDataSample(metainfo=meta) for _ in features])
        )
        for localizer in (model.requires_grad_(False), OnnxLocalizer(cfg, tmp_path / 'm.onnx'))
    )
    for want, got in zip(expected, found):
        torch.testing.assert_close(
            got.pred_instances.segments, want.pred_instances.segments, atol=1e-4, rtol=1e-4
        )


def test_class_prior_is_in_the_file(tmp_path):
    cfg = make_config()
    export_onnx(make_model(cfg), tmp_path / 'without.onnx')
    cfg.model.head.class_prior = dict(type='ClassPrior', max_count=3)
    with pytest.raises(TmxError, match='without.onnx: expected the class prior of the config'):
        OnnxLocalizer(cfg, tmp_path / 'without.onnx')
    model = make_model(cfg)
    instances = torch.tensor([[0.0, 0.1, 4.0], [1.0, 0.6, 9.0], [2.0, 0.9, 30.0]])
    model.head.class_prior.fit(torch.ones(5, 3), instances)
    export_onnx(model, tmp_path / 'm.onnx')
    meta = dict(duration=80.0, fps=5.0, feature_stride=4, offset_frames=8)
    data = dict(inputs=[torch.randn(90, 12)])
    want, got = (
        localizer.test_step({**data, 'data_samples': [ActionDataSample(metainfo=meta)]})[0]
        for localizer in (model.requires_grad_(False), OnnxLocalizer(cfg, tmp_path / 'm.onnx'))
    )
    torch.testing.assert_close(
        got.pred_instances.scores, want.pred_instances.scores, atol=1e-4, rtol=1e-4
    )


NO_FIT = 'expected the class prior of the config, found none that fits ('


@pytest.mark.parametrize(
    'key, value, words',
    [
        (
            'class_prior',
            '{}',
            'expected the class prior of the config, found none; export the model with one, or set '
            'model.head.class_prior=None',
        ),
        (
            'class_prior',
            '[]',
            "expected an object in json as 'class_prior' of its metadata, found '[]'",
        ),
        (
            'class_prior',
            '{"',
            "expected an object in json as 'class_prior' of its metadata, found '{\"'",
        ),
        ('class_prior', '{"count_weights": "x"}', NO_FIT),
        ('class_prior', '{"count_weights": [[1]]}', NO_FIT),
        ('class_prior', None, 'expected a class prior of finite numbers, found others'),
        ('classes', '3', "expected a list in json as 'classes' of its metadata, found '3'"),
        ('classes', '[', "expected a list in json as 'classes' of its metadata, found '['"),
    ],
)
def test_metadata_that_is_damaged(tmp_path, key, value, words):
    onnx = pytest.importorskip('onnx')
    cfg, path = make_config(), tmp_path / 'm.onnx'
    cfg.model.head.class_prior = dict(type='ClassPrior', max_count=3)
    model = make_model(cfg)
    if value is None:
        model.head.class_prior.length_mean.fill_(float('nan'))
    export_onnx(model, path)
    if value is not None:
        graph = onnx.load(path)
        onnx.helper.set_model_props(graph, {'class_prior': '{}', key: value})
        onnx.save(graph, path)
    with pytest.raises(DataError) as error:
        OnnxLocalizer(cfg, path)
    assert str(error.value).startswith(f'{path}: {words}') and '\n' not in str(error.value)


def test_graph_that_differs_is_not_written(tmp_path, monkeypatch):
    def wrong(self, features, masks):
        logits, segments, valid = forward(self, features, masks)
        return (logits + 1e-3 if not torch.jit.is_tracing() else logits), segments, valid

    forward = module.OnnxGraph.forward
    monkeypatch.setattr(module.OnnxGraph, 'forward', wrong)
    with pytest.raises(TmxError, match='gives logits .* by more than 0.0001'):
        export_onnx(make_model(make_config()), tmp_path / 'm.onnx')
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_run(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match='no.onnx'):
        OnnxLocalizer(make_config(), tmp_path / 'no.onnx')
    (tmp_path / 'damaged.onnx').write_text('no graph')
    with pytest.raises(ValueError, match='damaged.onnx: not readable as an ONNX graph'):
        OnnxLocalizer(make_config(), tmp_path / 'damaged.onnx')
    torch.onnx.export(torch.nn.ReLU(), (torch.ones(2),), str(tmp_path / 'relu.onnx'), dynamo=False)
    with pytest.raises(ValueError, match='expected the inputs and outputs'):
        OnnxLocalizer(make_config(), tmp_path / 'relu.onnx')
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(ImportError, match=r'tmx_plugin\[onnx\]'):
        export_onnx(make_model(make_config()), tmp_path / 'm.onnx')
