# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tool_modules import load_module

from tmx_plugin.apis import init_localizer
from tmx_plugin.exporters import FORMATS
from tmx_plugin.visualization.thresholds import Thresholds

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def load_tool(name):
    return load_module(TOOLS / name)


infer, export_onnx = load_tool('infer.py'), load_tool('deploy/export_onnx.py')

CONFIG = """
custom_imports = dict(imports=['tmx_plugin'], allow_failed_imports=False)
model = dict(
    type='TemporalMaxer',
    neck=dict(type='TemporalMaxerNeck', in_channels=8, out_channels=8, num_levels=2),
    head=dict(type='TemporalMaxerHead', num_classes=2, in_channels=8, feat_channels=8,
              prior_prob=0.3, regression_ranges=[(0, 4), (4, 1000)]),
    test_cfg=dict(max_seg_num=10))
test_dataloader = dict(dataset=dict(
    type='TALDataset', ann_file='none.json', subset='test', feature_stride=4, offset_frames=8,
    fps=25))
"""


@pytest.fixture
def workplace(tmp_path):
    (tmp_path / 'config.py').write_text(CONFIG)
    torch.manual_seed(0)
    model = init_localizer(tmp_path / 'config.py')
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(dataset_meta=dict(classes=('run', 'sit')))),
        tmp_path / 'weights.pth',
    )
    (tmp_path / 'features').mkdir()
    for seed, name in enumerate('ab'):
        features = np.random.default_rng(seed).normal(size=(40, 8)).astype(np.float32)
        np.save(tmp_path / 'features' / f'{name}.npy', features)
    return tmp_path


def run(workplace, *args, weights='weights.pth', out='out', source='features'):
    return infer.main(
        [
            str(workplace / source),
            str(workplace / 'config.py'),
            str(workplace / weights),
            '--out',
            str(workplace / out),
            '--device',
            'cpu',
            *args,
        ]
    )


def results(workplace, out='out'):
    return json.loads((workplace / out / 'predictions.json').read_text())['results']


def test_every_format_is_offered():
    """ActivityNet's is always written; EPIC's needs what fuse_epic.py knows."""
    assert {*infer.FORMATS} == {*FORMATS} - {'activitynet', 'epic'}


def test_folder_of_features(workplace, capsys):
    assert run(workplace, '--format', 'csv', 'srt', '--timeline', '--batch-size', '2') == 0
    assert 'a: 10 segments: ' in capsys.readouterr().out
    found = results(workplace)
    assert set(found) == {'a', 'b'} and len(found['a']) == 10
    assert {each['label'] for each in found['a']} <= {'run', 'sit'}
    assert sorted(path.name for path in (workplace / 'out').iterdir()) == [
        'a.png',
        'a.srt',
        'b.png',
        'b.srt',
        'predictions.csv',
        'predictions.json',
    ]


def test_less_on_request(workplace):
    assert run(workplace, '--top-k', '2', '--classes', 'sit') == 0
    found = results(workplace)
    assert all(len(each) <= 2 for each in found.values())
    assert {item['label'] for each in found.values() for item in each} == {'sit'}


def test_exported_network_finds_the_same(workplace, capsys):
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')
    assert (
        export_onnx.main(
            [str(workplace / name) for name in ('config.py', 'weights.pth', 'model.onnx')]
        )
        == 0
    )
    assert 'same class logits to' in capsys.readouterr().out
    assert run(workplace) == 0 and run(workplace, weights='model.onnx', out='onnx') == 0
    for video, expected in results(workplace).items():
        found = results(workplace, 'onnx')[video]
        assert [each['label'] for each in found] == [each['label'] for each in expected]
        for key in ('segment', 'score'):
            np.testing.assert_allclose(
                [each[key] for each in found], [each[key] for each in expected], atol=1e-4
            )


def test_one_broken_input_is_told(workplace, capsys):
    (workplace / 'features' / 'c.npy').write_text('no array')
    assert run(workplace) == 1
    assert 'c: FAILED' in capsys.readouterr().err and set(results(workplace)) == {'a', 'b'}


@pytest.mark.parametrize(
    'args, message',
    [
        (dict(source='absent'), 'no such file or folder'),
        (dict(weights='absent.pth'), 'absent.pth'),
    ],
)
def test_wrong_paths_are_told_in_a_line(workplace, capsys, args, message):
    assert run(workplace, **args) == 1
    error = capsys.readouterr().err
    assert message in error and 'Traceback' not in error


def test_label_studio_needs_its_frame_rate(workplace, capsys):
    with pytest.raises(SystemExit):
        run(workplace, '--format', 'label-studio')
    assert 'needs --frame-rate' in capsys.readouterr().err
    assert run(workplace, '--format', 'label-studio', '--frame-rate', '25') == 0


def test_thresholds_of_each_class(workplace, capsys):
    assert run(workplace) == 0
    everything = results(workplace)
    limits = {
        label: sorted(
            item['score']
            for found in everything.values()
            for item in found
            if item['label'] == label
        )[-2]
        for label in ('run', 'sit')
    }
    file = Thresholds(1.0, limits).write(workplace / 'thresholds.json')
    assert run(workplace, '--score-thr', str(file), out='few') == 0
    kept = {
        video: [item for item in found if item['score'] >= limits[item['label']]]
        for video, found in everything.items()
    }
    assert results(workplace, 'few') == kept and sum(map(len, kept.values())) == 4
    file.write_text('{"default": 0.3}')
    assert run(workplace, '--score-thr', str(file)) == 1
    assert f'{file}: expected a number as "default"' in capsys.readouterr().err
    assert run(workplace, '--score-thr', 'none.json') == 1
    assert 'found none.json' in capsys.readouterr().err


def test_page_with_ground_truth(workplace):
    (workplace / 'truth.json').write_text(
        json.dumps(
            dict(
                database=dict(
                    a=dict(
                        subset='test',
                        duration=7.0,
                        annotations=[dict(label='jump', segment=[1, 2])],
                    )
                )
            )
        )
    )
    assert run(workplace, '--page', '--annotations', str(workplace / 'truth.json')) == 0
    text = (workplace / 'out' / 'player.html').read_text(encoding='utf-8')
    data = json.loads(text.split('id="player-data">')[1].split('</script>')[0])
    assert data['classes'] == ['run', 'sit', 'jump'] and data['judged'] is False
    first = data['videos'][0]
    assert (first['name'], first['src'], first['gt']['s'], first['gt']['l']) == (
        'a',
        None,
        [1.0],
        [2],
    )
    assert len(first['det']['s']) == len(results(workplace)['a'])
    with pytest.raises(SystemExit):
        run(workplace, '--annotations', 'truth.json')
