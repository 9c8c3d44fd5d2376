# SPDX-License-Identifier: Apache-2.0
"""One inspection: all that is wrong is found, and training raises the first of it."""

import json

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset

from tmx_plugin.datasets import DataError, TALDataset
from tmx_plugin.datasets.inspection import inspect, unwrap


@pytest.fixture
def build(tmp_path):
    (tmp_path / 'features').mkdir()
    database = {}
    for name in 'abcd':
        np.save(tmp_path / 'features' / f'{name}.npy', np.ones((20, 3), np.float32))
        database[name] = dict(
            subset='training', duration=84 / 8, annotations=[dict(label='run', segment=[1, 4])]
        )
    path = tmp_path / 'a.json'

    def build(change=None, **kwargs):
        if change is not None:
            change(database, tmp_path)
        path.write_text(json.dumps(dict(database=database)))
        return TALDataset(
            **{
                **dict(
                    ann_file='a.json',
                    data_root=str(tmp_path),
                    subset='training',
                    fps=8,
                    pipeline=[],
                    feature_stride=4,
                    offset_frames=4,
                    lazy_init=True,
                ),
                **kwargs,
            }
        )

    return build


def much_is_wrong(database, root):
    database['a']['annotations'][0]['label'] = 'climb'
    (root / 'classes.txt').write_text('run\n')
    (root / 'features' / 'b.npy').unlink()
    (root / 'features' / 'c.json').write_text('{"stride": 8}')
    (root / 'features' / 'd.npy').write_bytes(b'x')


def test_all_errors_are_found_and_the_first_is_raised(build):
    dataset = build(much_is_wrong, class_file='classes.txt', block_list='none.txt')
    found = inspect(dataset)
    errors = [finding for finding in found.findings if finding.level == 'error']
    assert [error.check for error in errors] == [
        'classes',
        'block list',
        'missing',
        'side files',
        'features',
    ]
    assert found.classes == ('run', 'climb') and list(found.missing) == ['b']
    assert "'climb' (1 segments)" in errors[0].message and 'd.npy' in errors[-1].message
    with pytest.raises(DataError) as raised:
        dataset.full_init()
    assert str(raised.value) == f'{dataset.ann_file}: {errors[0].message}'


@pytest.mark.parametrize(
    'change, kind, check',
    [
        (
            lambda database, root: (root / 'features' / 'a.npy').unlink(),
            FileNotFoundError,
            'missing',
        ),
        (lambda database, root: database['a'].update(duration=-1), DataError, 'annotations'),
        (
            lambda database, root: [video.update(annotations=[]) for video in database.values()],
            DataError,
            'segments',
        ),
    ],
)
def test_training_raises_what_the_checker_lists(build, change, kind, check):
    dataset = build(change)
    (finding,) = (finding for finding in inspect(dataset).findings if finding.level == 'error')
    with pytest.raises(kind) as raised:
        dataset.full_init()
    assert finding.check == check and finding.message in str(raised.value)


def test_values_are_read_only_when_asked_for(build):
    def spoil(database, root):
        np.save(root / 'features' / 'a.npy', np.full((20, 3), np.nan, np.float32))

    dataset = build(spoil)
    assert not inspect(dataset).findings
    assert inspect(dataset, values=True).facts.not_finite == {'a': 60}


def test_unwrap_takes_data_sets_and_configs(build):
    dataset = build()
    dataset.full_init()
    for wrapped, count in ((RepeatDataset(dataset, 2), 1), (ConcatDataset([dataset, dataset]), 2)):
        assert list(unwrap(wrapped)) == [dataset] * count
    config = dict(ann_file='a.json')
    assert list(unwrap(dict(type='RepeatDataset', dataset=dict(datasets=[config])))) == [config]
