# SPDX-License-Identifier: Apache-2.0
"""``pytest -m gpu``: what a GPU must compute as the CPU does, and how much memory it takes."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from measurements.golden import GoldenModel
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import tmx_plugin  # noqa: F401

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device was found'),
]
DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
CONFIGS = (
    'thumos_i3d',
    'multithumos_i3d',
    'multithumos_i3d_rgb',
    'epic_kitchens_slowfast_noun',
    'epic_kitchens_slowfast_verb',
)
#: Bounds of peak memory of a training step of two videos of 2304 steps, in GiB.
PEAK_GIB = 8.0


@pytest.fixture(autouse=True)
def no_tf32():
    """Full float32, so that results can be compared with the CPU's."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def small_model(device):
    init_default_scope('mmaction')
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type='TemporalMaxer',
            data_preprocessor=dict(type='TALDataPreprocessor', pad_to=128),
            neck=dict(type='TemporalMaxerNeck', in_channels=16, out_channels=32),
            head=dict(
                type='TemporalMaxerHead',
                num_classes=3,
                in_channels=32,
                feat_channels=32,
                prior_prob=0.2,
                regression_ranges=[(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)],
            ),
        )
    )
    return model.to(device)


def samples(channels, classes, length=120, segments=4, videos=2):
    generator = np.random.default_rng(0)
    batch = dict(inputs=[], data_samples=[])
    for _ in range(videos):
        start = generator.uniform(0, length * 0.8, segments)
        sample = ActionDataSample(metainfo=dict(gt_segments_sec=np.zeros((segments, 2))))
        sample.gt_instances = InstanceData(
            segments=torch.tensor(np.stack([start, start + length * 0.1], 1)).float(),
            labels=torch.tensor(generator.integers(classes, size=segments)),
        )
        batch['inputs'].append(
            torch.tensor(generator.standard_normal((length, channels)), dtype=torch.float32)
        )
        batch['data_samples'].append(sample)
    return batch


def losses(device, steps=5, compiled=False, **wrapper):
    """Losses of training steps from the same start."""
    model = small_model(device).train()
    optim_wrapper = build_optim_wrapper(
        model,
        ConfigDict(
            **{'type': 'OptimWrapper', **wrapper},
            optimizer=dict(type='AdamW', lr=1e-3),
            clip_grad=dict(max_norm=1.0),
        ),
    )
    step = torch.compile(model.train_step) if compiled else model.train_step
    data = samples(16, 3)
    return [float(step(data, optim_wrapper)['loss']) for _ in range(steps)]


@pytest.mark.parametrize('name', ['thumos_i3d', 'epic_kitchens_slowfast_verb'])
def test_network_gives_the_numbers_of_the_reference(repo, name):
    golden = GoldenModel.load(repo / f'tests/data/golden/model_{name}_s0.npz')
    model = golden.build(repo / 'configs').to(DEVICE)
    feats, masks = golden.batch()
    with torch.no_grad():
        logits, offsets, _ = model(feats.to(DEVICE), masks=masks.to(DEVICE))
    for stage, levels in dict(cls_logits=logits, reg=offsets).items():
        for number, level in enumerate(levels):
            expected = golden.tensor(f'train/{stage}_{number}')
            assert (level.cpu() - expected).abs().max() <= 2e-4, (stage, number)


def test_five_steps_equal_those_of_the_cpu():
    assert losses(DEVICE) == pytest.approx(losses('cpu'), rel=1e-4)


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_mixed_precision_is_finite_and_near(dtype):
    found = losses(DEVICE, type='AmpOptimWrapper', dtype=dtype, loss_scale=1024.0)
    assert np.isfinite(found).all() and found == pytest.approx(losses('cpu'), rel=0.05)


@pytest.mark.slow
def test_compiled_steps_are_the_same():
    assert losses(DEVICE, compiled=True) == pytest.approx(losses(DEVICE), rel=1e-3)


def test_detections_equal_those_of_the_cpu():
    found = {}
    for device in ('cpu', DEVICE):
        model = small_model(device).eval()
        data = samples(16, 3)
        for sample in data['data_samples']:
            sample.set_metainfo(
                dict(
                    video_id='v',
                    feature_stride=4,
                    offset_frames=8,
                    fps=25.0,
                    duration=20.0,
                    feats_length=120,
                )
            )
        with torch.no_grad():
            found[device] = model.test_step(data)
    for cpu, gpu in zip(found['cpu'], found[DEVICE], strict=True):
        assert len(cpu.pred_instances) == len(gpu.pred_instances) > 0
        assert torch.allclose(cpu.pred_instances.scores, gpu.pred_instances.scores.cpu(), atol=1e-5)
        assert torch.allclose(
            cpu.pred_instances.segments, gpu.pred_instances.segments.cpu(), atol=1e-3
        )


@pytest.mark.parametrize('name', CONFIGS)
def test_peak_memory_of_a_training_step(repo, name, record_property):
    cfg = Config.fromfile(repo / f'configs/temporalmaxer/{name}.py')
    init_default_scope('mmaction')
    model = MODELS.build(cfg.model).to(DEVICE).train()
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    data = samples(model.neck.in_channels, model.head.num_classes, length=2304, segments=100)
    torch.cuda.reset_peak_memory_stats()
    assert torch.isfinite(torch.as_tensor(float(model.train_step(data, optim_wrapper)['loss'])))
    peak = torch.cuda.max_memory_allocated() / 2**30
    record_property('peak_gib', peak)
    assert peak < PEAK_GIB


@pytest.mark.slow
def test_nccl_with_one_process(repo, tmp_path):
    def run(*command):
        subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            check=True,
            timeout=600,
            env={**os.environ, 'PYTHONPATH': str(repo)},
        )

    run('-m', 'tmx_plugin', 'synthetic', 'data/synthetic', '--num-train', '4', '--num-val', '2')
    run(
        '-m',
        'torch.distributed.run',
        '--nproc_per_node=1',
        '--master_port=29617',
        '-m',
        'tmx_plugin',
        'train',
        'synthetic',
        '--work-dir',
        'work',
        '--cfg-options',
        'train_cfg.max_epochs=1',
    )
    assert (tmp_path / 'work/epoch_1.pth').is_file()


@pytest.mark.slow
def test_extraction_equals_that_of_the_cpu(repo, tmp_path):
    cv2 = pytest.importorskip('cv2')
    (tmp_path / 'videos').mkdir()
    writer = cv2.VideoWriter(
        str(tmp_path / 'videos/v.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 64)
    )
    for number in range(40):
        writer.write(np.full((64, 64, 3), 6 * number, dtype=np.uint8))
    writer.release()
    (tmp_path / 'r.py').write_text(
        "model = dict(type='Recognizer2D', backbone=dict(type='ResNet', depth=18), "
        "data_preprocessor=dict(type='ActionDataPreprocessor', mean=[0.], std=[255.], "
        "format_shape='NCHW'))\n"
        "test_pipeline = [dict(type='Resize', scale=(64, 64), keep_ratio=False)]\n"
        'randomness = dict(seed=0)\n'
    )
    torch.manual_seed(0)
    model = MODELS.build(dict(type='mmaction.ResNet', depth=18, pretrained=None))
    torch.save(
        dict(state_dict={f'backbone.{key}': value for key, value in model.state_dict().items()}),
        tmp_path / 'r.pth',
    )
    command = (
        'extract videos {0} --config r.py --checkpoint r.pth --clip-len 8 --stride 8 --device {0}'
    )
    for device in ('cpu', DEVICE):
        subprocess.run(
            [sys.executable, '-m', 'tmx_plugin', *command.format(device).split()],
            cwd=tmp_path,
            check=True,
            timeout=600,
            env={**os.environ, 'PYTHONPATH': str(repo)},
        )
    cpu, gpu = (np.load(tmp_path / device / 'v.npy') for device in ('cpu', DEVICE))
    np.testing.assert_allclose(gpu, cpu, rtol=1e-3, atol=1e-4 * np.abs(cpu).max())
    assert json.loads((tmp_path / DEVICE / 'v.json').read_text())['length'] == len(gpu)
