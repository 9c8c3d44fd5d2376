# SPDX-License-Identifier: Apache-2.0
"""tools/analysis/benchmark.py and what it measures, in small."""

import json

import numpy as np
import pytest
import torch
from measurements import benchmark_data, benchmark_detections, benchmark_growth, benchmark_model
from tool_modules import load_module

from tmx_plugin.evaluation.functional import average_precision

NARROW = {
    'model.neck.in_channels': 16,
    'model.neck.out_channels': 8,
    'model.head.in_channels': 8,
    'model.head.feat_channels': 8,
}


@pytest.fixture(scope='module')
def tool(repo):
    return load_module(repo / 'tools' / 'analysis' / 'benchmark.py')


@pytest.fixture(scope='module')
def config(repo):
    return str(repo / 'configs' / 'temporalmaxer' / 'thumos_i3d.py')


def test_training_step(config):
    found = benchmark_model.training_step(config, 5, runs=2, length=64, cfg_options=NARROW)
    assert found['seconds'] > 0 and 0 < found['assignment'] < 1
    assert found['peak'] > 50e6
    assert found['num_pos'] > 0
    assert found['ratio'] == found['seconds'] / found['bare_seconds']
    assert found['iteration_ratio'] == found['iteration_seconds'] / found['bare_seconds']


def test_growth(config):
    found = benchmark_growth.growth(config, 5, 3, 64, runs=1, cfg_options=NARROW)
    assert found['step_seconds'] > 0 and found['post_seconds'] > 0 and found['peak'] > 50e6


def test_forward_counts_what_it_compares_with(config):
    found = benchmark_model.inference_forward(config, runs=2, length=64, cfg_options=NARROW)
    points = 64 + 32 + 16 + 8 + 4 + 2
    assert found['multiply_adds'] == 3 * (64 * (16 * 8 + 8 * 8) + points * (4 * 8 * 8 + 8 * 22))
    assert found['ratio'] == pytest.approx(found['seconds'] / found['bare_seconds'])
    assert found['rate'] == pytest.approx(found['multiply_adds'] / found['seconds'])


def test_post_processing(config):
    found = benchmark_detections.post_processing(
        config, 5, 2, 3.0, runs=1, length=64, cfg_options=NARROW
    )
    assert found['seconds'] > 0 and 0 < found['detections'] <= 200


def test_predictions_show_the_actions(config):
    model = benchmark_model.build_model(config, NARROW)
    logits, segments = benchmark_detections.random_predictions(model, 5, 2, 3.0, length=256)
    assert logits.shape == (256 + 128 + 64 + 32 + 16 + 8, 20) and segments.shape == (504, 2)
    assert (segments[:, 1] >= segments[:, 0]).float().mean() > 0.99
    assert int((logits.max(0).values > benchmark_detections.BACKGROUND + 7).sum()) <= 3


def test_map():
    gt, det = benchmark_detections.random_tables(9, 60, 4, 50)
    assert len(gt) == 60 and len(det) == 450
    found = benchmark_detections.mean_average_precision(9, 60, 4, 50, [0.3, 0.5], runs=1)
    assert found['mAP'] == average_precision(gt, det, [0.3, 0.5])[1].mean()
    assert 0.05 < found['mAP'] < 0.95


@pytest.mark.parametrize('kind', sorted(benchmark_data.KINDS))
def test_reading(kind):
    found = benchmark_data.training_samples(kind, runs=2, length=300, channels=8, max_seq_len=100)
    assert found['sample'] == 100 * 8 * 4
    assert found['seconds'] > 0 and found['memory'] >= 0


def test_conv_sizes(config):
    model = benchmark_model.build_model(config, NARROW)
    calls = benchmark_model.conv_calls(model, 33)
    assert [x.shape[1:] for _, x in calls[:2]] == [(16, 33), (8, 33)]
    levels = [33, 17, 9, 5, 3, 2]
    assert {x.shape[2] for _, x in calls[2:]} == {sum(levels)}
    assert [len(x) for x in benchmark_model.points_of_levels(model, 33)] == levels
    points = torch.cat(benchmark_model.points_of_levels(model, 33))
    assert torch.equal(points, model.head.points(levels).time)


def test_arguments(tool, capsys):
    with pytest.raises(SystemExit):
        tool.parse_args(['--only', 'map', '--plot', 'x.png'])
    assert 'needs the part growth' in capsys.readouterr().err
    assert tool.parse_args([]).only == list(tool.FUNCTIONS) == list(tool.CASES)
    assert tool.parse_args(['--only', 'map', '--only', 'post']).only == ['map', 'post']


def test_units(tool):
    assert [
        tool.figure(*x)
        for x in (
            ('peak', 1.234e9),
            ('memory', 12.3e6),
            ('seconds', 1.5),
            ('bare_seconds', 0.0123),
            ('assignment', 0.0123),
            ('rate', 1.08e11),
            ('detections', 8000),
            ('mAP', 0.5123),
        )
    ] == ['1.23 GB', '12 MB', '1.50 s', '12.3 ms', '1.2 %', '108.0 G', '8,000', '0.512']


def test_growth_plot(tool, tmp_path):
    rows = [
        dict(
            case=case,
            arguments=arguments,
            reference=reference,
            measured=dict(step_seconds=1.0, post_seconds=0.01, peak=1e9),
        )
        for case, arguments, reference in tool.CASES['growth']
    ]
    assert {row['arguments']['num_classes'] for row in rows} == set(tool.GROWTH['num_classes'])
    tool.draw_growth(rows, tmp_path / 'growth.png')
    assert (tmp_path / 'growth.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.slow
def test_whole_tool(tool, tmp_path, monkeypatch, capsys):
    """One small case in its own process."""
    monkeypatch.setitem(
        tool.CASES,
        'map',
        [
            (
                'tiny',
                dict(num_videos=3, num_gts=30, num_classes=2, per_video=9, tious=[0.5]),
                dict(seconds=2.0),
            )
        ],
    )
    assert tool.main(['--only', 'map', '--runs', '1', '--json', str(tmp_path / 'out.json')]) == 0
    with open(tmp_path / 'out.json') as file:
        content = json.load(file)
    (row,) = content['results']['map']
    assert row['reference'] == dict(seconds=2.0) and row['measured']['detections'] == 27
    assert np.isfinite(row['measured']['mAP'])
    assert {'processor', 'cores', 'threads', 'torch'} <= set(content['machine'])
    text = capsys.readouterr().out
    assert 'tiny' in text and '(2.00 s)' in text and 'the public implementation' in text


@pytest.mark.skipif(torch.cuda.is_available(), reason='this machine has a GPU')
def test_a_missing_gpu_is_said_in_one_sentence(tool, capfd):
    assert tool.main(['--device', 'cuda', '--only', 'forward']) == 1
    assert "benchmark: device 'cuda': not found on this machine" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        tool.main(['--device', 'cuda', '--only', 'map'])
