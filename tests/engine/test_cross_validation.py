# SPDX-License-Identifier: Apache-2.0
"""Planning the runs of a cross-validation, and what they gave."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from tmx_plugin.engine.cross_validation import Run, make_folds, plan, splits_of
from tmx_plugin.errors import ConfigError, DataError
from tmx_plugin.evaluation.functional.paired import paired_difference


def test_splits_of_a_config():
    cfg = Config(dict(cross_validation=dict(splits=[1, 2], settings={'a.b': 'x_{split}.json'})))
    assert splits_of(cfg) == {'1': ('a.b=x_1.json',), '2': ('a.b=x_2.json',)}
    assert splits_of(Config({})) == {'1': ()}
    with pytest.raises(ConfigError, match='"splits", a list, and "settings"'):
        splits_of(Config(dict(cross_validation=dict(splits=[1]))))


@pytest.mark.parametrize(
    'name, splits', [('gtea_scnn', 4), ('salads50_scnn', 5), ('salads50_acc', 5)]
)
def test_splits_of_the_configs_exist(repo, shared_data, name, splits):
    cfg = Config.fromfile(repo / 'configs' / 'temporalmaxer' / f'{name}.py')
    root = shared_data / ('gtea' if name.startswith('gtea') else 'salads50_mid')
    found = splits_of(cfg)
    assert len(found) == splits
    for options in found.values():
        values = dict(option.split('=') for option in options)
        for key, value in values.items():
            assert (root / value).exists(), key
        folder = root / values.get(
            'train_dataloader.dataset.data_prefix.feats',
            cfg.train_dataloader.dataset.data_prefix.feats,
        )
        width = np.load(next(folder.glob('*.npy')), mmap_mode='r').shape[1]
        assert width == cfg.model.neck.in_channels
    labels = (root / 'annotations' / 'classes.txt').read_text().split()
    assert len(labels) == cfg.model.head.num_classes


def test_folds_hold_every_video_out_once(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text(
        json.dumps(
            {
                'version': 'x',
                'database': {name: {'subset': 'all', 'duration': 1} for name in 'abcdefg'},
            }
        )
    )
    options = make_folds(path, 3, tmp_path / 'folds')
    held_out = []
    for fold, texts in options.items():
        values = dict(text.split('=') for text in texts)
        assert values['train_dataloader.dataset.subset'] == 'training'
        assert values['test_dataloader.dataset.subset'] == 'validation'
        content = json.loads(Path(values['val_dataloader.dataset.ann_file']).read_text())
        assert fold in values['val_dataloader.dataset.ann_file'] and content['version'] == 'x'
        held_out += [
            name for name, video in content['database'].items() if video['subset'] == 'validation'
        ]
    assert sorted(held_out) == list('abcdefg')
    assert make_folds(path, 3, tmp_path / 'folds') == options
    with pytest.raises(ConfigError, match='a.json: expected 2 to 7 folds of its 7 videos, got 8'):
        make_folds(path, 8, tmp_path)


def test_plan_crosses_all_and_pairs_variants(tmp_path):
    runs = plan(
        {'x/c.py': {'1': ('s=1',), '2': ()}}, {'base': (), 'wide': ('w=2',)}, [7, 8], tmp_path
    )
    assert len(runs) == 8 and len({run.work_dir for run in runs}) == 8
    assert [run.key for run in runs[:2]] == [('c', '1', 7)] * 2
    assert runs[1].options == ('s=1', 'w=2') and runs[1].variant == 'wide'
    with pytest.raises(ConfigError, match='different names'):
        plan({'x/c.py': {}, 'y/c.py': {}}, {}, [0], tmp_path)


def test_result_is_the_last_validation_and_of_these_options(tmp_path):
    run = Run('c.py', 'base', '1', 0, ('a=1',), tmp_path)
    assert run.result() is None
    with pytest.raises(DataError, match='expected a validation in the log, found none'):
        run.finish()
    for day, values in (('1', [50.0, 40.0]), ('2', [45.0])):
        log = tmp_path / day / 'vis_data' / 'scalars.json'
        log.parent.mkdir(parents=True)
        log.write_text(
            '{"loss": 1}\n'
            + ''.join(json.dumps(dict(average_mAP=value)) + '\n' for value in values)
            + '{"aver'
        )
    assert run.finish() == run.result() == 45.0
    with pytest.raises(DataError, match="made with the options .'a=1'., now they are .'a=2'."):
        Run('c.py', 'base', '1', 0, ('a=2',), tmp_path).result()


def test_paired_difference_weighs_data_sets_alike():
    base = {('a', s, 0): 10.0 for s in range(8)} | {('b', 0, 0): 20.0}
    other = {('a', s, 0): 12.0 for s in range(8)} | {('b', 0, 0): 26.0, ('c', 0, 0): 1.0}
    found = paired_difference(base, other)
    assert found == (4.0, 4.0, 4.0, 9)
    with pytest.raises(DataError, match='no split and seed in common'):
        paired_difference(base, {})


def test_interval_covers_a_known_difference():
    rng = np.random.default_rng(0)
    noise = rng.normal(3.0, 1.0, size=200)
    found = paired_difference(
        {('a', s, 0): 0.0 for s in range(200)}, {('a', s, 0): x for s, x in enumerate(noise)}
    )
    assert found.mean == pytest.approx(noise.mean())
    half = 1.96 * noise.std() / np.sqrt(200)  # what the normal approximation says
    assert found.low == pytest.approx(noise.mean() - half, abs=0.02)
    assert found.high == pytest.approx(noise.mean() + half, abs=0.02)
