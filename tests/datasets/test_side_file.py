# SPDX-License-Identifier: Apache-2.0
"""The side file of a feature file: one writer, one reader, whoever asks."""

import json

import numpy as np
import pytest

from tmx_plugin.datasets.formats import VideoInfo
from tmx_plugin.datasets.side_file import (
    check_side_files,
    read_side_file,
    side_file_conflicts,
    write_side_file,
)
from tmx_plugin.errors import FormatError
from tmx_plugin.features.storage import is_complete

GOOD = dict(
    fps=25.0,
    duration=4.0,
    frames=100,
    stride=4,
    clip_len=16,
    length=22,
    channels=2,
    recognizer='tsn',
)


def test_what_was_written_is_read(tmp_path):
    assert read_side_file(tmp_path / 'a.b.npy') is None
    write_side_file(tmp_path / 'a.b.npy', GOOD)
    assert (tmp_path / 'a.b.json').is_file() and read_side_file(tmp_path / 'a.b.npy') == GOOD


@pytest.mark.parametrize(
    'content, message',
    [
        ('[1]', 'expected an object, found list'),
        ('{"fps": "25"}', 'a positive number as "fps"'),
        ('{"stride": 0}', 'a positive number as "stride", found 0'),
        ('{"fps"', 'expected json'),
        ('{"duration": NaN}', 'as "duration", found nan'),
        (f'{{"fps": 1{"0" * 400}}}', 'as "fps"'),
    ],
)
def test_every_reader_refuses_it_in_the_same_words(tmp_path, content, message):
    path = tmp_path / 'v.npy'
    np.save(path, np.zeros((22, 2), np.float32))
    (tmp_path / 'v.json').write_text(content)
    video = dict(video_id='v', feature_paths=[str(path)], fps=25.0)
    words = set()
    for reader in (
        lambda: read_side_file(path),
        lambda: is_complete(path, {}),
        lambda: VideoInfo(features=tmp_path)['v'],
        lambda: check_side_files(video, feature_stride=4, offset_frames=8),
    ):
        with pytest.raises(FormatError, match=f'v.json: .*{message}') as error:
            reader()
        words.add(str(error.value))
    assert len(words) == 1


def test_conflicts_with_the_configuration(tmp_path):
    path = tmp_path / 'v.npy'
    path.with_suffix('.json').write_text(json.dumps(dict(fps=25.2, stride=8)))
    info = dict(video_id='v', feature_paths=[str(path)], fps=25.0)
    (found,) = side_file_conflicts(info, feature_stride=4, offset_frames=8)
    assert 'stride 8, expected feature_stride 4' in found
    info['fps'] = 30.0
    assert len(list(side_file_conflicts(info, feature_stride=4, offset_frames=8))) == 2
