# SPDX-License-Identifier: Apache-2.0
"""TALVisualizer and its hook, with the backends and the runner's own loops."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import HOOKS, VISUALIZERS
from mmaction.structures import ActionDataSample
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.runner import Runner
from mmengine.structures import InstanceData
from mmengine.visualization import Visualizer

import tmx_plugin  # noqa: F401  registers
from tmx_plugin.errors import ConfigError
from tmx_plugin.visualization import TALVisualizationHook, TALVisualizer


def data_sample(video_id='video_1', with_pred=True):
    sample = ActionDataSample(
        metainfo=dict(
            video_id=video_id,
            duration=20.0,
            gt_segments_sec=np.array([[1.0, 4.0], [6.0, 9.0]]),
            gt_segment_labels=np.array([0, 1]),
        )
    )
    if with_pred:
        sample.pred_instances = InstanceData(
            segments=torch.tensor([[1.0, 4.2], [6.0, 8.0]]),
            scores=torch.tensor([0.9, 0.2]),
            labels=torch.tensor([0, 1]),
        )
    return sample


def visualizer(tmp_path, *backends):
    vis = TALVisualizer(vis_backends=[dict(type=name) for name in backends], save_dir=str(tmp_path))
    vis.dataset_meta = dict(classes=('run', 'jump'))
    return vis


def runner(vis, epoch=3):
    return SimpleNamespace(
        visualizer=vis, epoch=epoch, iter=70, log_processor=SimpleNamespace(by_epoch=True)
    )


def test_registered():
    assert VISUALIZERS.get('mmaction.TALVisualizer') is TALVisualizer
    assert HOOKS.get('mmaction.TALVisualizationHook') is TALVisualizationHook


def test_backends_get_the_picture(tmp_path):
    vis = visualizer(tmp_path, 'LocalVisBackend', 'TensorboardVisBackend')
    image = vis.add_datasample('P01/a b', data_sample('P01/a b'), step=2)
    saved = cv2.imread(str(tmp_path / 'vis_data/vis_image/P01_a b_2.png'))
    np.testing.assert_array_equal(saved[..., ::-1], image)
    vis.close()
    assert list(tmp_path.glob('vis_data/events.out.tfevents*'))


def test_what_is_drawn(tmp_path):
    vis = visualizer(tmp_path)
    sample = data_sample()
    whole = vis.add_datasample('a', sample, score_thr=0.0)
    assert not np.array_equal(whole, vis.add_datasample('a', sample, score_thr=0.5))
    np.testing.assert_array_equal(
        vis.add_datasample('a', sample, draw_pred=False),
        vis.add_datasample('a', data_sample(with_pred=False)),
    )
    only_pred = vis.add_datasample('a', sample, draw_gt=False, score_thr=0.0)
    assert not np.array_equal(whole, only_pred)
    vis.dataset_meta = None  # class indices stand in for names
    assert vis.add_datasample('a', ActionDataSample()).shape[2] == 3
    for key, value in sample.pred_instances.items():
        sample.pred_instances.set_field(value.numpy(), key)
    vis.dataset_meta = dict(classes=('run', 'jump'))
    np.testing.assert_array_equal(whole, vis.add_datasample('a', sample, score_thr=0.0))


def test_out_file_replaces_the_backends(tmp_path):
    vis = visualizer(tmp_path, 'LocalVisBackend')
    vis.add_datasample('a', data_sample(), out_file=tmp_path / 'pictures/a.png')
    assert (tmp_path / 'pictures/a.png').is_file()
    assert not list(tmp_path.glob('vis_data/vis_image/*'))


def test_show(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(Visualizer, 'show', lambda self, *args, **kwargs: calls.append(kwargs))
    visualizer(tmp_path).add_datasample('a', data_sample(), show=True, wait_time=1.5)
    assert calls == [dict(win_name='a', wait_time=1.5)]


def test_hook_draws_every_nth_video_over_uneven_batches(tmp_path):
    hook = TALVisualizationHook(enable=True, interval=3, out_dir=str(tmp_path / 'out'))
    run = runner(visualizer(tmp_path))
    for _ in range(2):  # a second epoch counts from 0 again
        hook.before_test_epoch(run)
        for batch_idx, ids in enumerate(([0, 1], [2, 3], [4, 5], [6])):
            hook.after_test_iter(run, batch_idx, None, [data_sample(f'v{i}') for i in ids])
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'v0.png',
        'v3.png',
        'v6.png',
    ]


def test_hook_deals_with_several_processes(tmp_path, monkeypatch):
    module = 'tmx_plugin.visualization.visualization_hook'
    monkeypatch.setattr(f'{module}.get_world_size', lambda: 2)
    for rank in range(2):
        monkeypatch.setattr(f'{module}.get_rank', lambda rank=rank: rank)
        hook = TALVisualizationHook(enable=True, interval=3, out_dir=str(tmp_path))
        for video in range(rank, 8, 2):
            hook.after_test_iter(runner(visualizer(tmp_path)), 0, None, [data_sample(f'v{video}')])
    assert sorted(path.name for path in tmp_path.glob('*.png')) == ['v0.png', 'v3.png', 'v6.png']


def test_hook_in_validation(tmp_path):
    run = runner(visualizer(tmp_path, 'LocalVisBackend'))
    TALVisualizationHook(enable=True).after_val_iter(run, 0, None, [data_sample()])
    assert (tmp_path / 'vis_data/vis_image/video_1_3.png').is_file()
    hook = TALVisualizationHook(enable=True, out_dir=str(tmp_path / 'out'))
    hook.after_val_iter(run, 0, None, [data_sample()])
    run.log_processor.by_epoch = False
    hook.after_val_iter(run, 0, None, [data_sample()])
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'video_1_3.png',
        'video_1_70.png',
    ]


def test_hook_is_idle_by_default(tmp_path):
    run = runner(visualizer(tmp_path, 'LocalVisBackend'))
    hook = HOOKS.build(dict(type='TALVisualizationHook', _scope_='mmaction'))
    hook.before_run(SimpleNamespace(visualizer=object()))
    hook.after_test_iter(run, 0, None, [data_sample()])
    assert not list(tmp_path.rglob('*.png'))


def test_hook_takes_what_the_test_tool_sets():
    hook = HOOKS.build(
        dict(
            type='TALVisualizationHook',
            _scope_='mmaction',
            enable=True,
            show=False,
            wait_time=2.0,
            out_dir='somewhere',
            interval=5,
        )
    )
    assert hook.interval == 5
    with pytest.raises(ConfigError, match='TALVisualizer'):
        hook.before_run(SimpleNamespace(visualizer=object()))
    with pytest.raises(ValueError, match='interval'):
        TALVisualizationHook(interval=0)


class Samples(torch.utils.data.Dataset):
    metainfo = dict(classes=('run', 'jump'))

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return data_sample(f'v{index}')


class Echo(BaseModel):
    """Gives back the data samples it is fed."""

    def forward(self, data_samples, mode='predict'):
        return data_samples


class Count(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        return dict(videos=len(results))


def test_with_the_runner(tmp_path, monkeypatch):
    """The runner builds both from their configs and gives the visualizer the class names."""
    seen = []
    draw = TALVisualizer.add_datasample
    monkeypatch.setattr(
        TALVisualizer,
        'add_datasample',
        lambda self, *args, **kwargs: (
            seen.append(self.dataset_meta['classes']) or draw(self, *args, **kwargs)
        ),
    )
    loader = torch.utils.data.DataLoader(
        Samples(), batch_size=2, collate_fn=lambda batch: dict(data_samples=batch)
    )
    run = Runner(
        model=Echo(BaseDataPreprocessor()),
        work_dir=str(tmp_path),
        default_scope='mmaction',
        test_dataloader=loader,
        test_evaluator=Count(),
        test_cfg=dict(),
        experiment_name='test_with_the_runner',
        visualizer=dict(type='TALVisualizer', vis_backends=[dict(type='LocalVisBackend')]),
        default_hooks=dict(
            visualization=dict(
                type='TALVisualizationHook',
                enable=True,
                show=False,
                wait_time=2,
                out_dir=str(tmp_path / 'shown'),
                interval=2,
            )
        ),
    )
    assert run.test() == dict(videos=3)
    assert sorted(path.name for path in (tmp_path / 'shown').iterdir()) == ['v0.png', 'v2.png']
    assert seen == [('run', 'jump')] * 2
    (log,) = tmp_path.glob('*/*.log')
    assert f'are in {tmp_path / "shown"}' in log.read_text()
