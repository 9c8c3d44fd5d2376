# SPDX-License-Identifier: Apache-2.0
"""One module from frames to segments, and its agreement with extracted features."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData
from recognizers import RECOGNIZERS

from tmx_plugin.features.extractor import FeatureExtractor

PIPELINE = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=1, num_clips=8),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 36)),
    dict(type='ThreeCrop', crop_size=32),
    dict(type='FormatShape', input_format='NCHW'),
]


def build_model(backbone, channels):
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='TemporalMaxer',
            backbone=backbone,
            neck=dict(type='TemporalMaxerNeck', in_channels=channels, out_channels=8, num_levels=2),
            head=dict(
                type='TemporalMaxerHead',
                num_classes=2,
                in_channels=8,
                feat_channels=8,
                regression_ranges=[(0, 4), (4, 1000)],
            ),
        )
    )


@pytest.mark.parametrize('name', ['TSN', 'TSM', 'I3D', 'SlowFast', 'VideoMAE'])
def test_same_features_and_segments_as_the_extracted_ones(name, shared_data):
    recognizer, channels = RECOGNIZERS[name]
    model = build_model(dict(recognizer=recognizer, clip_len=16, stride=8), channels).eval()
    extractor = FeatureExtractor.from_config(
        Config(dict(model=recognizer, test_pipeline=PIPELINE)), clip_len=16, stride=8
    )
    extractor.backbone.recognizer.load_state_dict(model.backbone.recognizer.state_dict())

    video = extractor.open(shared_data / 'videos' / 'demo.mp4')
    features, info = extractor(video)
    frames = torch.cat(list(extractor._chunks(video, None)))  # (F, 3, 32, 32)
    with torch.no_grad():
        found, masks = model.backbone(frames.transpose(0, 1)[None])
    assert masks.all() and info['length'] == found.shape[2] == 34
    torch.testing.assert_close(found[0].T, torch.from_numpy(features), atol=1e-4, rtol=0)

    sample = ActionDataSample(
        metainfo=dict(
            video_id='demo',
            duration=info['duration'],
            fps=info['fps'],
            feature_stride=info['stride'],
            offset_frames=info['offset_frames'],
            feat_len=34,
        )
    )
    from_frames = model.test_step(dict(inputs=[frames], data_samples=[sample.clone()]))[0]
    from_features = model.test_step(
        dict(inputs=[torch.from_numpy(features)], data_samples=[sample.clone()])
    )[0]
    for key in ('segments', 'scores'):
        torch.testing.assert_close(
            from_frames.pred_instances[key], from_features.pred_instances[key], atol=1e-3, rtol=1e-3
        )


def test_training_leaves_a_frozen_backbone_alone():
    recognizer, channels = RECOGNIZERS['I3D']
    model = build_model(
        dict(type='ClipBackbone', recognizer=recognizer, clip_len=4, stride=4), channels
    ).train()
    sample = ActionDataSample(
        gt_instances=InstanceData(segments=torch.tensor([[1.0, 4.0]]), labels=torch.tensor([1]))
    )
    before = {key: value.clone() for key, value in model.backbone.state_dict().items()}
    data = model.data_preprocessor(
        dict(
            inputs=[torch.randint(256, (32, 3, 32, 32), dtype=torch.uint8)], data_samples=[sample]
        ),
        training=True,
    )
    losses = model(**data, mode='loss')
    (losses['loss_cls'] + losses['loss_reg']).backward()
    assert model.neck.embed[0].conv.weight.grad.abs().sum() > 0
    for key, value in model.backbone.state_dict().items():
        torch.testing.assert_close(value, before[key])


def test_any_mmaction_backbone_will_do():
    for cfg in (RECOGNIZERS['TSN'][0], RECOGNIZERS['TSN'][0]['backbone']):
        model = build_model(cfg, RECOGNIZERS['TSN'][1])
        logits, _, masks = model(torch.zeros(1, 3, 40, 32, 32))
        assert logits[0].shape == (1, 2, 7) and masks[0].all()


def test_frames_need_a_backbone():
    with pytest.raises(ValueError, match='frames need a model with a backbone'):
        build_model(None, 4)(torch.zeros(1, 3, 16, 32, 32))
