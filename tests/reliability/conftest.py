# SPDX-License-Identifier: Apache-2.0
"""A small data set with a narrow model, and the tools, called in this process."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tool_modules import load_module

CONFIG = """
_base_ = [{bases}]
model = dict(
    data_preprocessor=dict(pad_to=None),
    neck=dict(in_channels=6, out_channels=8, num_levels=3),
    head=dict(num_classes=2, in_channels=8, feat_channels=8,
              regression_ranges=[(0, 4), (4, 8), (8, 10000)]))
dataset = dict(type='TALDataset', data_root={root!r}, ann_file='a.json', feature_stride=4,
               offset_frames=4, fps=8, data_prefix=dict(feats='features'))
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**dataset, subset='training', pipeline=[
        dict(type='LoadFeatures'), dict(type='SegmentsToGrid'),
        dict(type='RandomTruncation', max_seq_len=32), dict(type='PackTALInputs')]))
val_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, subset='validation', test_mode=True,
                 pipeline=[dict(type='LoadFeatures'), dict(type='PackTALInputs')]))
test_dataloader = val_dataloader
val_evaluator = dict(type='TALMetric', tiou_thresholds=[0.5])
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=2, val_begin=2)
param_scheduler = []
work_dir = {root!r} + '/run'
"""
BASES = ('models/temporal_maxer', 'schedules/adamw_50e', 'default_runtime')


def load_tool(repo: Path, name: str):
    """A tool as a module."""
    return load_module(repo / 'tools' / name)


def write_config(folder: Path, repo: Path) -> Path:
    """The config ``tiny.py`` in a folder."""
    bases = ', '.join(repr(str(repo / 'configs/_base_' / f'{name}.py')) for name in BASES)
    config = folder / 'tiny.py'
    config.write_text(CONFIG.format(bases=bases, root=str(folder)))
    return config


@pytest.fixture(scope='session')
def tiny_settings(tmp_path_factory, repo):
    """The config, to be copied before it is changed."""
    from mmengine.config import Config

    return Config.fromfile(write_config(tmp_path_factory.mktemp('settings'), repo))


@pytest.fixture
def tiny(tmp_path, repo):
    """``root``, ``config`` (paths), ``weights()`` (a checkpoint), and ``tool(NAME)``."""
    rng, database = np.random.default_rng(0), {}
    (tmp_path / 'features').mkdir()
    for i, subset in enumerate(['training'] * 4 + ['validation'] * 2):
        np.save(tmp_path / 'features' / f'v{i}.npy', rng.normal(size=(30, 6)).astype('f4'))
        database[f'v{i}'] = dict(
            subset=subset,
            duration=15.5,
            fps=8,
            annotations=[
                dict(label='run', segment=[1, 4]),
                dict(label='jump', segment=[5 + i, 8 + i]),
            ],
        )
    (tmp_path / 'a.json').write_text(json.dumps(dict(database=database)))

    def weights(spoil=None):
        from tmx_plugin.apis import init_localizer

        state = init_localizer(config).state_dict()
        if spoil is not None:
            state['head.cls_conv.weight'].fill_(spoil)
        torch.save(
            dict(state_dict=state, meta=dict(dataset_meta=dict(classes=('jump', 'run')))),
            tmp_path / 'weights.pth',
        )
        return tmp_path / 'weights.pth'

    config = write_config(tmp_path, repo)
    return SimpleNamespace(
        root=tmp_path, config=config, weights=weights, tool=lambda name: load_tool(repo, name)
    )
