# SPDX-License-Identifier: Apache-2.0
"""Standardized features, and the tool that fits them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tool_modules import load_module

from tmx_plugin.datasets.transforms import StandardizeFeatures
from tmx_plugin.datasets.transforms.standardize import channel_statistics
from tmx_plugin.errors import DataError


def write(path, mean, std):
    path.write_text(json.dumps(dict(mean=mean, std=std)))
    return str(path)


def test_scales_each_channel_over_several_files(tmp_path):
    transform = StandardizeFeatures(write(tmp_path / 's.json', [1.0, 2.0, 3.0], [2.0, 1.0, 0.0]))
    feats = transform(
        dict(video_id='v', feats=[np.array([[3.0, 2.0]], np.float16), np.array([[4.0]])])
    )['feats']
    assert [feat.tolist() for feat in feats] == [[[1.0, 0.0]], [[1.0]]]  # a deviation of 0 is 1
    assert all(feat.dtype == np.float32 for feat in feats)


def test_another_width_is_refused(tmp_path):
    transform = StandardizeFeatures(write(tmp_path / 's.json', [1.0, 2.0], [1.0, 1.0]))
    with pytest.raises(
        DataError, match="video 'v': expected features of the 2 channels of .*s.json, found 3"
    ):
        transform(dict(video_id='v', feats=[np.zeros((4, 3))]))


@pytest.mark.parametrize(
    'content',
    [
        '[]',
        '{}',
        '{"mean": [1], "std": []}',
        '{"mean": [1], "std": [-1]}',
        '{"mean": [NaN], "std": [1]}',
        '{"mean": [1, 2], "std": [1]}',
        '{"mean": 1, "std": 2}',
    ],
)
def test_damaged_statistics_are_refused(tmp_path, content):
    (tmp_path / 's.json').write_text(content)
    with pytest.raises(DataError, match=r's.json: expected .*fit_standardize.py'):
        StandardizeFeatures(str(tmp_path / 's.json'))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.data())
def test_statistics_equal_those_of_all_at_once(lengths, data):
    parts = [
        data.draw(arrays(np.float32, (length, 3), elements=st.floats(-1e3, 1e3, width=32)))
        for length in lengths
    ]
    if not sum(lengths):
        with pytest.raises(DataError, match='no features'):
            channel_statistics(parts)
        return
    mean, std, count = channel_statistics(parts)
    everything = np.concatenate(parts).astype(np.float64)
    np.testing.assert_allclose(mean, everything.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(std, everything.std(axis=0), atol=1e-9)
    assert count == len(everything)


CONFIG = """
custom_imports = dict(imports=['tmx_plugin'])
dataset = dict(type='TALDataset', data_root={root!r}, ann_file='a.json', subset='training',
               feature_stride=1, offset_frames=.5, fps=10, data_prefix=dict(feats='features'),
               pipeline=[])
train_dataloader = dict(dataset=dataset)
"""


def test_fitted_on_training_videos_beside_the_annotations(repo, tmp_path, capsys):
    module = load_module(repo / 'tools/data/fit_standardize.py')
    (tmp_path / 'features').mkdir()
    rng = np.random.default_rng(0)
    database, train = {}, []
    for name, subset in [('a', 'training'), ('b', 'training'), ('c', 'validation')]:
        feats = (rng.normal(size=(30, 2)) * [100, 0.1] + [7, 0]).astype(np.float32)
        np.save(tmp_path / 'features' / f'{name}.npy', feats)
        train += [feats] if subset == 'training' else []
        database[name] = dict(
            subset=subset, duration=3.0, annotations=[dict(label='x', segment=[0.5, 2.0])]
        )
    (tmp_path / 'a.json').write_text(json.dumps(dict(database=database)))
    (tmp_path / 'config.py').write_text(CONFIG.format(root=str(tmp_path)))
    assert module.main([str(tmp_path / 'config.py')]) == 0
    stats = tmp_path / 'a_feature_stats.json'
    content = json.loads(stats.read_text())
    np.testing.assert_allclose(content['mean'], np.concatenate(train).mean(axis=0), rtol=1e-4)
    assert content['videos'] == 2 and content['subset'] == ['training']
    assert f"dict(type='StandardizeFeatures', stats='{stats}')" in capsys.readouterr().out
    feats = StandardizeFeatures(str(stats))(dict(video_id='a', feats=[np.concatenate(train)]))
    np.testing.assert_allclose(feats['feats'][0].std(axis=0), 1, atol=1e-3)
