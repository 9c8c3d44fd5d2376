# SPDX-License-Identifier: Apache-2.0
"""``tmx init``: from features and annotations to a config that trains as it is."""

import json

import numpy as np
import pytest
from mmengine.config import Config

from tmx_plugin.checker.own_data import derive
from tmx_plugin.cli import init
from tmx_plugin.errors import ConfigError, DataError

FPS, STRIDE, OFFSET = 25.0, 5.0, 5.0
GEOMETRY = dict(fps=FPS, feature_stride=STRIDE, offset_frames=OFFSET)
OPTIONS = ['--fps', '25', '--feature-stride', '5', '--offset-frames', '5']


@pytest.fixture
def data(tmp_path):
    """Six training and two validation videos: 200 features a video, segments of 4 to 40 s."""
    rng = np.random.default_rng(0)
    folder = tmp_path / 'my data'
    (folder / 'features').mkdir(parents=True)
    database = {}
    for number in range(8):
        name = f'video_{number}'
        length = 190 + 3 * number
        np.save(
            folder / 'features' / f'{name}.npy',
            rng.standard_normal((length, 24)).astype(np.float32),
        )
        database[name] = dict(
            subset='training' if number < 6 else 'validation',
            duration=((length - 1) * STRIDE + 2 * OFFSET) / FPS,
            annotations=[
                dict(label=label, segment=segment)
                for label, segment in (('jump', [1, 5]), ('run', [8, 16]), ('swim', [20, 36]))
            ],
        )
    (folder / 'annotations.json').write_text(json.dumps(dict(database=database)))
    return folder


def test_values_are_derived_from_the_files(data):
    found = derive(data / 'features', data / 'annotations.json', **GEOMETRY)
    assert (found.num_classes, found.in_channels, found.width) == (3, 24, 64)
    assert (found.train_subset, found.val_subset) == ('training', 'validation')
    # segments of 20, 40 and 80 grid steps (5 a second): half the longest is 40
    assert found.longest == pytest.approx(80, abs=1)
    assert found.ranges == [(0, 4), (4, 8), (8, 16), (16, 32), (32, 10000)]
    # nine of ten videos fit, in whole points of the last level; twice the longest segment too
    assert found.window % 16 == 0 and found.window >= 200
    assert found.steps_per_epoch == 3 and found.epochs == 100
    assert found.max_segments == 3 and found.coverage.matched.all()
    assert found.positives > 3
    assert found.dispersion == 0 and found.scripted  # each class once in each video


@pytest.mark.parametrize('layout', ['tc', 'ct'])
def test_layout_prefix_and_suffix_are_recognized(data, layout):
    for path in (data / 'features').iterdir():
        features = np.load(path)
        np.save(
            path.with_name(f'v_{path.stem}-rgb.npy'), features if layout == 'tc' else features.T
        )
        path.unlink()
    found = derive(data / 'features', data / 'annotations.json', **GEOMETRY)
    assert found.dataset['layout'] == layout and found.in_channels == 24
    assert (found.dataset['feature_prefix'], found.dataset['feature_suffix']) == ('v_', '-rgb.npy')


def test_geometry_of_side_files(data):
    for path in list((data / 'features').iterdir()):
        path.with_suffix('.json').write_text(json.dumps(dict(fps=FPS, stride=5, clip_len=10)))
    found = derive(data / 'features', data / 'annotations.json')
    assert {key: found.dataset[key] for key in GEOMETRY} == GEOMETRY


def test_what_cannot_be_found_out_is_asked_for(data):
    with pytest.raises(ConfigError, match='--fps --feature-stride --offset-frames'):
        derive(data / 'features', data / 'annotations.json')
    with pytest.raises(DataError, match='would fit'):  # the wrong rate, and which one fits
        derive(data / 'features', data / 'annotations.json', **{**GEOMETRY, 'fps': 50.0})
    content = (data / 'annotations.json').read_text().replace('validation', 'training')
    (data / 'one.json').write_text(content)
    with pytest.raises(DataError, match='"validation" or "test"'):
        derive(data / 'features', data / 'one.json', **GEOMETRY)
    for number, path in enumerate((data / 'features').iterdir()):
        path.rename(path.with_name(f'x{number}.npy'))
    with pytest.raises(DataError, match='such as video_0.npy, found x0.npy'):
        derive(data / 'features', data / 'annotations.json', **GEOMETRY)


def test_the_config_says_what_was_derived(data, capsys):
    out = data / 'mine.py'
    arguments = [
        str(data / 'features'),
        str(data / 'annotations.json'),
        '--out',
        str(out),
        *OPTIONS,
    ]
    assert init.main(arguments) == 0
    cfg = Config.fromfile(out)
    assert cfg.model.neck.num_levels == len(cfg.model.head.regression_ranges) == 5
    assert cfg.model.head.num_classes == 3 and cfg.model.neck.in_channels == 24
    assert cfg.model.head.class_prior.type == 'ClassPrior'
    assert cfg.train_dataloader.dataset.ann_file == str(data / 'annotations.json')
    # data below the config's folder move with it
    assert str(data) not in out.read_text()
    assert '99 % of the segments are at most 80 long' in out.read_text()
    assert init.main(arguments) == 1 and 'add --overwrite' in capsys.readouterr().err
    assert init.main([*arguments, '--overwrite']) == 0


def test_videos_without_a_script_get_no_class_prior(data):
    content = json.loads((data / 'annotations.json').read_text())
    for number in range(3):  # of six training videos, half have all five times, half one once
        content['database'][f'video_{number}']['annotations'] = [
            dict(label=label, segment=[1 + start, 3 + start])
            for label in ('jump', 'run', 'swim')
            for start in range(0, 20, 4)
        ]
        content['database'][f'video_{number + 3}']['annotations'] = [
            dict(label='jump', segment=[1, 3])
        ]
    (data / 'annotations.json').write_text(json.dumps(content))
    found = derive(data / 'features', data / 'annotations.json', **GEOMETRY)
    assert found.dispersion == pytest.approx(16.5 / 8)  # 4 + 6.25 + 6.25 over 3 + 2.5 + 2.5
    assert not found.scripted
    out = data / 'mine.py'
    args = [str(data / 'features'), str(data / 'annotations.json'), '--out', str(out), *OPTIONS]
    assert init.main(args) == 0
    assert Config.fromfile(out).model.head.class_prior is None
    assert 'class_prior None' in out.read_text()


@pytest.mark.slow
def test_it_trains_with_nothing_filled_in(forks, data, tmp_path):
    def tmx(*arguments):
        result = forks.tmx(*arguments, cwd=tmp_path)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    assert 'next: tmx train my.py' in tmx(
        'init', str(data / 'features'), str(data / 'annotations.json'), '--out', 'my.py', *OPTIONS
    )
    tmx('check', 'my.py')
    log = tmx(
        'train',
        'my.py',
        '--cfg-options',
        'train_cfg.max_epochs=2',
        'train_cfg.val_begin=2',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
        'val_dataloader.num_workers=0',
        'val_dataloader.persistent_workers=False',
    )
    assert 'average_mAP' in log and (tmp_path / 'work_dirs/my/epoch_2.pth').is_file()
