# SPDX-License-Identifier: Apache-2.0
"""Durations of videos, splits, and how times and names of videos are read."""

import numpy as np
import pytest
from format_files import write
from hypothesis import given
from hypothesis import strategies as st

from tmx_plugin.datasets import formats
from tmx_plugin.datasets.errors import DataError
from tmx_plugin.datasets.formats.fields import parse_seconds, video_name
from tmx_plugin.structures.video_time import VideoTime


@given(
    st.lists(st.text('abc', min_size=1, max_size=4), unique=True, max_size=20),
    st.floats(0, 1),
    st.integers(0, 9),
)
def test_random_split(names, share, seed):
    split = formats.random_split(names, share=share, seed=seed)
    assert split == formats.random_split(names[::-1], share=share, seed=seed)
    held_out = sum(subset == 'validation' for subset in split.values())
    assert set(split) == set(names)
    if len(names) > 1 and share > 0:
        assert 1 <= held_out < len(names)
    else:
        assert held_out == 0


def test_listed_split(tmp_path):
    path = write(tmp_path / 'val.txt', 'b.mp4\n')
    assert formats.listed_split(['a', 'b'], path=path) == {'a': 'training', 'b': 'validation'}
    with pytest.raises(DataError, match='videos that have annotations, found b'):
        formats.listed_split(['a'], path=path)


def test_durations_from_side_file_length_and_csv_of_frames(tmp_path):
    np.save(tmp_path / 'a.npy', np.zeros((10, 2), np.float32))
    np.save(tmp_path / 'b.npy', np.zeros((10, 2), np.float32))
    write(tmp_path / 'a.json', {'fps': 25, 'frames': 100, 'duration': 4.0, 'stride': 4})
    lengths = write(tmp_path / 'c.csv', 'video,frames\nc,90\n')
    info = formats.VideoInfo(
        [lengths],
        features=tmp_path,
        geometry=VideoTime(feature_stride=4, offset_frames=8, fps=30.0),
    )
    assert info['a'] == {'duration': 4.0, 'frame': 100, 'fps': 25.0}
    assert info['b']['duration'] == pytest.approx((9 * 4 + 16) / 30)
    assert info['c'] == {'duration': 3.0, 'frame': None, 'fps': 30.0}
    np.save(tmp_path / 'b.0.npy', np.zeros((99, 2), np.float32))
    (tmp_path / 'b.avi').write_bytes(b'')
    again = formats.VideoInfo(features=tmp_path, geometry=info.geometry)
    assert again['b'] == info['b'], 'neither the features of b.0 nor other files'
    assert 'd' not in info
    with pytest.raises(KeyError):
        info['d']


def test_duration_from_the_video_itself(shared_data):
    info = formats.VideoInfo(video_dir=shared_data / 'videos')
    facts = info['demo']
    assert facts['duration'] == pytest.approx(facts['frame'] / facts['fps']) and 'x' not in info


@pytest.mark.parametrize(
    'content, message',
    [
        ('', 'found an empty file'),
        ('{"a": 1', 'cut off'),
        ('[]', 'an object of videos'),
        ('{"a": {"duration": -1}}', 'video a: expected a duration in seconds above 0, found -1'),
        ('{"a": {"duration": NaN}}', 'found nan'),
        ('{"a": "9"}', "found '9'"),
        ('{"a": true}', 'True'),
        ('{"a": {}}', 'found None'),
        ('{"a": {"duration": 1, "fps": 0}}', 'fps above 0'),
    ],
)
def test_broken_duration_files(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        formats.VideoInfo([write(tmp_path / 'd.json', content)])


@pytest.mark.parametrize(
    'text, seconds',
    [('12.5', 12.5), ('01:02:03.25', 3723.25), ('2:03', 123.0), ('00:00:00.56', 0.56)],
)
def test_parse_seconds(text, seconds):
    assert parse_seconds(text, 'f') == seconds


@pytest.mark.parametrize('text', ['', 'x', '1:2:3:4', '-1:30', '1.5:30', ':'])
def test_parse_seconds_refuses(text):
    with pytest.raises(DataError):
        parse_seconds(text, 'f')


def test_video_name():
    # folders stay, so that two videos of one base name are not one; absolute paths lose them
    assert [
        video_name(text)
        for text in (
            'P01/cam1.MP4',
            'P02\\cam1.mts',
            'c:\\x\\d.avi',
            '/x/d.avi',
            '../d.avi',
            'https://host/d.mp4',
            'v1.2',
            'v',
        )
    ] == ['P01/cam1', 'P02/cam1.mts', 'd', 'd', 'd', 'd', 'v1.2', 'v']
