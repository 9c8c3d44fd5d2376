# SPDX-License-Identifier: Apache-2.0
"""tools/data/check_dataset.py on a small data set, whole and broken."""

import json

import numpy as np
import pytest
from tool_modules import load_module

CONFIG = """
custom_imports = dict(imports=['tmx_plugin'], allow_failed_imports=False)
model = dict(
    type='TemporalMaxer', neck=dict(type='TemporalMaxerNeck', in_channels=8, num_levels=3),
    head=dict(type='TemporalMaxerHead', num_classes=2,
              regression_ranges=[(0, 4), (4, 8), (8, 10000)]))
dataset = dict(
    type='TALDataset', data_root={root!r}, ann_file='data.json', class_file='classes.txt',
    data_prefix=dict(feats='features'), feature_stride=4, offset_frames=4, fps=25,
    subset='training')
train_dataloader = dict(dataset=dict(type='RepeatDataset', times=2, dataset=dataset))
val_dataloader = dict(dataset=dict(dataset, subset='validation', test_mode=True))
test_dataloader = val_dataloader
"""


@pytest.fixture(scope='module')
def tool(repo):
    path = repo / 'tools' / 'data' / 'check_dataset.py'
    return load_module(path)


class Data:
    """Three videos to train on, two to validate on, and their configuration."""

    def __init__(self, root):
        self.root, self.config = root, root / 'small_config.py'
        (root / 'features').mkdir()
        rng = np.random.default_rng(0)
        self.database = {}
        for k in range(5):
            length = 60 + 10 * k
            self.save(f'v{k}', rng.standard_normal((length, 8)).astype(np.float32))
            self.database[f'v{k}'] = dict(
                subset='training' if k < 3 else 'validation',
                duration=(4 * length + 4) / 25,
                annotations=[
                    dict(label='run', segment=[1.0, 2.0]),
                    dict(label='jump', segment=[4, 8.0]),
                ],
            )
        self.write()
        (root / 'classes.txt').write_text('jump\nrun\n')
        self.config.write_text(CONFIG.format(root=str(root)))

    def save(self, name, array):
        np.save(self.root / 'features' / f'{name}.npy', array)

    def load(self, name):
        return np.load(self.root / 'features' / f'{name}.npy')

    def write(self):
        (self.root / 'data.json').write_text(json.dumps(dict(database=self.database)))


@pytest.fixture
def data(tmp_path):
    return Data(tmp_path)


@pytest.fixture
def check(tool, data, capsys):
    def run(*args):
        status = tool.main([str(data.config), *map(str, args)])
        out = capsys.readouterr()
        # Tables break lines: compare words only.
        return status, ' '.join(out.out.replace('│', ' ').split()), out.err

    return run


def test_all_is_well(check, data, tmp_path):
    status, out, _ = check('--plot', tmp_path / 'plot.png')
    assert status == 0 and 'No issues found' in out and 'no problems found' in out
    assert 'train training 3 0 6 2 8 60 - 80' in out and 'val validation 2 0 4 2 8 90 - 100' in out
    assert '100.00% of 6 segments get a positive point' in out
    assert 'test' not in out.split('Data')[1].split('train:')[0]  # the same as val
    assert (tmp_path / 'plot.png').read_bytes()[:4] == b'\x89PNG'


def test_one_split(check):
    status, out, _ = check('--split', 'test')
    assert status == 0 and 'test validation 2 0' in out and 'train:' not in out


def no_file(data):
    (data.root / 'features' / 'v1.npy').unlink()


def not_a_number(data):
    array = data.load('v1')
    array[3, 4] = np.nan
    data.save('v1', array)


def wrong_width(data):
    data.save('v1', np.ones((70, 5), np.float32))


def truncated(data):
    path = data.root / 'features' / 'v1.npy'
    path.write_bytes(path.read_bytes()[:-1])


def wrong_length(data):
    data.save('v1', np.ones((20, 8), np.float32))


def unknown_label(data):
    data.database['v1']['annotations'][0]['label'] = 'climb'
    data.write()


def outside(data):
    data.database['v1']['annotations'] += [
        dict(label='run', segment=[500, 501]),
        dict(label='run', segment=[2, 2]),
        dict(label='run', segment=[3, 3.1]),
    ]
    data.write()


def no_jump(data):
    for name in ('v0', 'v1', 'v2'):
        data.database[name]['annotations'].pop()
    data.write()


def other_subset(data):
    for video in data.database.values():
        video['subset'] = 'holdout'
    data.write()


@pytest.mark.parametrize(
    'change, status, words',
    [
        (no_file, 1, ['the features of 1 of 3 videos', 'v1.npy', "missing='skip'"]),
        (not_a_number, 1, ['NaN or infinity', "found 1 others in video 'v1'"]),
        (wrong_width, 1, ['found 8 (v0 and 1 more), 5 (v1)']),
        (truncated, 1, ['cannot be read', 'v1.npy']),
        (wrong_length, 0, ['the features of 1 of 3 videos do not fit their duration', "'v1'"]),
        (unknown_label, 1, ["'climb' (1 segments)"]),
        (
            outside,
            0,
            [
                '1 of 9 segments end at or before',
                '1 of 9 segments start at or after',
                '1 of 9 segments are shorter than one grid step',
            ],
        ),
        (no_jump, 0, ['1 of 2 classes have no segment to train on: jump; it cannot be learnt']),
        (
            other_subset,
            1,
            ["expected videos of subset 'training'", 'holdout: 5 videos, 10 segments'],
        ),
    ],
)
def test_what_is_wrong(check, data, change, status, words):
    change(data)
    found, out, _ = check('--split', 'train')
    assert found == status, out
    for word in words:
        assert word in out


@pytest.mark.parametrize(
    'option, words',
    [
        ('feature_stride=8', 'feature_stride=4 or fps=50 would fit'),
        ('feature_stride=3', 'feature_stride=4 would fit'),
        ('fps=40', 'fps=25 would fit'),
    ],
)
def test_wrong_geometry(check, option, words):
    status, out, _ = check('--cfg-options', f'val_dataloader.dataset.{option}', '--split', 'val')
    assert status == 1 and words in out and 'do not fit their duration' in out


def test_model_that_does_not_fit(check):
    status, out, _ = check(
        '--split', 'val', '--cfg-options', 'model.neck.in_channels=16', 'model.head.num_classes=3'
    )
    assert status == 1 and '2 problems found' in out
    assert 'expected features of 16 channels (model.neck.in_channels), found 8' in out
    assert 'expected 3 classes (model.head.num_classes), found 2' in out


def test_wrong_settings_come_first(check):
    status, out, _ = check('--cfg-options', 'model.neck.num_levels=6')
    assert status == 1 and out == (
        'model.head.regression_ranges: expected 6 ranges, one for each of model.neck.num_levels, '
        'found 3 1 wrong setting found'
    )


def test_missing_files_are_listed_in_full(check, data):
    for name in ('v0', 'v1', 'v2'):
        (data.root / 'features' / f'{name}.npy').rename(data.root / f'{name}.npy')
    status, out, _ = check('--split', 'train', '--list')
    assert status == 1 and out.count('v2.npy') == 2


def test_skipping_missing_files_is_a_warning(check, data):
    no_file(data)
    status, out, _ = check(
        '--split', 'train', '--cfg-options', 'train_dataloader.dataset.dataset.missing=skip'
    )
    assert status == 0 and "the features of 1 of 3 videos of subset 'training' are not there" in out
    assert check('--split', 'train', '--strict')[0] == 1


def test_videos_in_both_splits_and_other_class_list(check, data):
    (data.root / 'other.txt').write_text('run\njump\n')
    status, out, _ = check(
        '--cfg-options',
        'val_dataloader.dataset.subset=training',
        'val_dataloader.dataset.class_file=other.txt',
        'test_dataloader.dataset.subset=training',
        'test_dataloader.dataset.class_file=other.txt',
    )
    assert status == 1
    assert 'the class lists of train and val differ from label 0 on' in out
    assert '3 videos are both in train and in val' in out


def test_cannot_run(check, tool, data, capsys):
    assert check('--cfg-options', 'val_dataloader=None', '--split', 'val')[0] == 2
    assert tool.main(['no_such_config']) == 2
    assert 'check_dataset: There is no config no_such_config' in capsys.readouterr().err
    data.config.write_text('model = dict(')
    assert check()[0] == 2


def test_training_stops_with_the_same_words(check, data):
    from mmengine.config import Config

    from tmx_plugin.datasets import DataError, TALDataset

    dataset = dict(Config.fromfile(data.config).val_dataloader.dataset, fps=50)
    dataset.pop('type')
    with pytest.raises(DataError) as error:
        TALDataset(**dataset)
    _, out, _ = check('--split', 'val', '--cfg-options', 'val_dataloader.dataset.fps=50')
    words = str(error.value).split(': ', 1)[1]
    assert words in out
