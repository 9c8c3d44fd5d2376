# SPDX-License-Identifier: Apache-2.0
"""From videos to mAP, with the tools: scenes of known colours are found in a new video."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tool_modules import load_module
from torch import nn

import tmx_plugin  # noqa: F401  before any model of MMAction2

from mmaction.registry import MODELS  # isort: skip

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
COLORS = dict(red=(230, 30, 30), green=(30, 200, 30), blue=(40, 40, 230))
FPS, STRIDE, CLIP_LEN = 20, 4, 8

RECOGNIZER = """
model = dict(
    type='Recognizer2D', backbone=dict(type='ColorHistogram'),
    data_preprocessor=dict(type='ActionDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3,
                           format_shape='NCHW'))
test_pipeline = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=1, num_clips=8, test_mode=True),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 24)),
    dict(type='CenterCrop', crop_size=24),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs'),
]
"""
LOCALIZER = """
_base_ = [{bases}]
dataset = dict(
    type='TALDataset', data_root=r'{root}', ann_file='annotations.json',
    data_prefix=dict(feats='features'), feature_stride=4, offset_frames=4)
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    batch_size=2, sampler=dict(type='DefaultSampler', shuffle=True), **loader,
    dataset=dict(**dataset, subset='train', pipeline=[
        dict(type='LoadFeatures'), dict(type='SegmentsToGrid'),
        dict(type='RandomTruncation', max_seq_len=192), dict(type='PackTALInputs')]))
test_dataloader = dict(
    batch_size=1, sampler=dict(type='DefaultSampler', shuffle=False), **loader,
    dataset=dict(**dataset, subset='test', test_mode=True, pipeline=[
        dict(type='LoadFeatures'), dict(type='PackTALInputs')]))
test_evaluator = dict(type='TALMetric', tiou_thresholds=[0.5, 0.7])
model = dict(
    data_preprocessor=dict(pad_to=192), neck=dict(in_channels=9, out_channels=32),
    head=dict(num_classes=3, in_channels=32, feat_channels=32, loss_normalizer=20))
optim_wrapper = dict(optimizer=dict(lr=3e-3))
param_scheduler = [dict(type='LinearLR', start_factor=0.1, end=20, by_epoch=False)]
train_cfg = dict(max_epochs=30, val_interval=100)
val_cfg = None
default_hooks = dict(ema=dict(momentum=0.1), checkpoint=dict(save_best=None))
"""


@MODELS.register_module(name='ColorHistogram', force=True)
class ColorHistogram(nn.Module):
    """Share of the pixels of each frame near each of nine colours: (n, 3, H, W) -> (n, 9, 1, 1)."""

    def __init__(self):
        super().__init__()
        palette = torch.tensor(
            [
                *COLORS.values(),
                (0, 0, 0),
                (255, 255, 255),
                (127, 127, 127),
                (255, 255, 0),
                (0, 255, 255),
                (255, 0, 255),
            ]
        )
        self.register_buffer('palette', palette / 127.5 - 1)

    def forward(self, x):
        distance = (x[:, None] - self.palette[:, :, None, None]).square().sum(dim=2)
        return (-4 * distance).softmax(dim=1).mean(dim=(2, 3), keepdim=True)


def tool(name):
    return load_module(TOOLS / f'{name}.py').main


def write_scenes(path, seed, num_scenes=6):
    """Noisy grey video with scenes of one colour; returns its annotation."""
    rng = np.random.default_rng(seed)
    shown = [(None, rng.integers(30, 70))]
    for _ in range(num_scenes):
        shown += [
            (str(rng.choice(list(COLORS))), rng.integers(40, 110)),
            (None, rng.integers(30, 80)),
        ]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), FPS, (64, 32))
    annotations, frame = [], 0
    for color, length in shown:
        rgb = np.array(COLORS.get(color, (127, 127, 127)))
        for _ in range(length):
            noise = rng.normal(0, 15, size=(8, 16, 3)).repeat(4, axis=0).repeat(4, axis=1)
            writer.write((rgb + noise).clip(0, 255).astype(np.uint8)[..., ::-1])
        if color:
            annotations.append(dict(label=color, segment=[frame / FPS, (frame + length) / FPS]))
        frame += int(length)
    writer.release()
    return dict(duration=frame / FPS, frame=frame, annotations=annotations)


def tiou(a, b):
    inter = max(min(a[1], b[1]) - max(a[0], b[0]), 0)
    return inter / (a[1] - a[0] + b[1] - b[0] - inter)


@pytest.fixture
def one_thread():
    """The tensors are tiny: more threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_scenes_of_a_new_video_are_found(tmp_path, repo, monkeypatch, one_thread):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    (tmp_path / 'recognizer.py').write_text(RECOGNIZER)
    bases = ', '.join(
        repr(str(repo / 'configs' / '_base_' / part))
        for part in ('models/temporal_maxer.py', 'schedules/adamw_50e.py', 'default_runtime.py')
    )
    (tmp_path / 'localizer.py').write_text(LOCALIZER.format(bases=bases, root=tmp_path))
    (tmp_path / 'videos').mkdir()
    database = {}
    for seed in range(8):
        found = write_scenes(tmp_path / 'videos' / f'v{seed}.mp4', seed)
        database[f'v{seed}'] = dict(found, subset='train' if seed < 7 else 'test')
    (tmp_path / 'annotations.json').write_text(json.dumps(dict(database=database)))

    for name, arguments in (
        (
            'extract_features',
            'videos features --config recognizer.py --random-weights --device cpu '
            f'--clip-len {CLIP_LEN} --stride {STRIDE}',
        ),
        ('train', 'localizer.py --work-dir work --seed 0 --no-validate'),
        (
            'infer',
            'videos/v7.mp4 localizer.py work/epoch_30.pth --recognizer recognizer.py --out out '
            '--device cpu --format csv srt --timeline --clip',
        ),
    ):
        assert tool(name)(arguments.split()) == 0

    actions = json.loads((tmp_path / 'out' / 'predictions.json').read_text())['results']['v7']
    scenes = database['v7']['annotations']
    for scene in scenes:
        of_scene = [
            each
            for each in actions
            if each['label'] == scene['label'] and tiou(each['segment'], scene['segment']) >= 0.7
        ]
        assert of_scene, f'{scene} is not among {actions[:10]}'
    # The best of them are the scenes, one each: none is found twice, nothing else comes before.
    best = sorted(actions[: len(scenes)], key=lambda each: each['segment'])
    assert [each['label'] for each in best] == [each['label'] for each in scenes]
    assert all(tiou(each['segment'], scene['segment']) >= 0.7 for each, scene in zip(best, scenes))

    assert tool('test')(['localizer.py', 'work/epoch_30.pth', '--work-dir', 'work']) == 0
    scores = json.loads(next((tmp_path / 'work').glob('*/*.json')).read_text().splitlines()[-1])
    assert scores['mAP@0.7'] == 100
