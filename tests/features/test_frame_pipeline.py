# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from mmengine.config import Config

from tmx_plugin.errors import TmxError
from tmx_plugin.features.extractor import load_recognizer_config
from tmx_plugin.features.frame_pipeline import FramePipeline, spatial_transforms, test_pipeline_of

test_pipeline_of.__test__ = False  # no test, whatever its name

FAMILIES = [
    ('tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb', 224),
    ('tsm/tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_kinetics400-rgb', 224),
    ('i3d/i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb', 256),
    ('slowfast/slowfast_r50_8xb8-4x16x1-256e_kinetics400-rgb', 256),
    ('slowonly/slowonly_r50_8xb16-4x16x1-256e_kinetics400-rgb', 256),
    ('r2plus1d/r2plus1d_r34_8xb8-8x8x1-180e_kinetics400-rgb', 256),
    ('videomae/vit-base-p16_videomae-k400-pre_16x4x1_kinetics-400', 224),
    ('swin/swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb', 224),
]


@pytest.mark.parametrize('name, size', FAMILIES)
def test_pictures_are_prepared_as_for_the_recognizer(name, size):
    cfg = load_recognizer_config(f'mmaction::recognition/{name}.py')
    frames = np.random.default_rng(0).integers(0, 256, (2, 240, 320, 3), dtype=np.uint8)
    found = FramePipeline.from_config(cfg)(frames)
    assert found.shape == (2, size, size, 3) and found.dtype == np.uint8


def test_what_concerns_time_is_left_out():
    pipeline = [
        dict(type='mmaction.DecordInit'),
        dict(type='DenseSampleFrames', clip_len=8),
        dict(type='DecordDecode'),
        dict(type='Resize', scale=(-1, 8)),
        dict(type='TenCrop', crop_size=6),
        dict(type='Flip', flip_ratio=0),
        dict(type='FormatShape', input_format='NCHW'),
        dict(type='PackActionInputs'),
    ]
    assert spatial_transforms(pipeline) == [
        dict(type='Resize', scale=(-1, 8)),
        dict(type='CenterCrop', crop_size=6),
    ]


def test_order_of_sources_of_the_pipeline():
    one, two = [dict(type='Resize', scale=(2, 2))], [dict(type='Resize', scale=(4, 4))]
    cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=one)), test_pipeline=two))
    assert test_pipeline_of(cfg)[0]['scale'] == (2, 2)
    assert test_pipeline_of(Config(dict(val_pipeline=two)))[0]['scale'] == (4, 4)
    with pytest.raises(ValueError, match='neither test_dataloader nor test_pipeline'):
        test_pipeline_of(Config(dict(model=dict())))


def test_crop_larger_than_the_frames_is_an_error():
    pipeline = FramePipeline([dict(type='CenterCrop', crop_size=64)])
    with pytest.raises(ValueError, match='crop too large'):
        pipeline(np.zeros((1, 32, 32, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    'name, message',
    [
        ('mmaction::recognition/tsn/nothing', 'there is no config file'),
        ('nowhere::recognition/tsn', 'package nowhere is not installed'),
        ('nothing.py', 'there is no config file'),
    ],
)
def test_configs_that_are_not_there(name, message):
    with pytest.raises(TmxError, match=message):
        load_recognizer_config(name)


def test_config_of_something_else():
    with pytest.raises(ValueError, match='expected a recognizer'):
        load_recognizer_config(Config(dict(model=dict(type='TemporalMaxer'))))
