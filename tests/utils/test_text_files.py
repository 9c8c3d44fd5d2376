# SPDX-License-Identifier: Apache-2.0
"""Text and json files, and values in them that no list or number can hold."""

import json

import pytest

from tmx_plugin.datasets import formats
from tmx_plugin.datasets.errors import DataError
from tmx_plugin.utils.text_files import is_finite, read_lines


def _write(path, content):
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    'value, finite',
    [
        (1, True),
        (-0.5, True),
        (True, False),
        ('1', False),
        (None, False),
        (float('nan'), False),
        (float('inf'), False),
        (10**400, False),
    ],
)
def test_is_finite(value, finite):
    assert is_finite(value) is finite


def test_lines(tmp_path):
    path = tmp_path / 'l.txt'
    path.write_bytes(b'\xef\xbb\xbf a b \r\n\r\nc\n')
    assert read_lines(path) == ['a b', 'c']
    path.write_text('')
    assert read_lines(path) == []
    path.write_bytes(b'\xff\xfe')
    with pytest.raises(DataError, match='l.txt: expected text in UTF-8, found byte 0xff'):
        read_lines(path)


def test_labels_lose_blanks_and_stay_on_one_line(tmp_path):
    items = [
        {'label': ' x ', 'label_id': 1, 'segment': [0, 1]},
        {'label': 'y', 'label_id': 0, 'segment': [0, 1]},
    ]
    path = tmp_path / 'a.json'
    entry = {'subset': 'train', 'duration': 9, 'annotations': items}
    _write(path, {'database': {'a': entry}})
    assert formats.read_actionformer([path]).classes == ['y', 'x']
    items[0]['label'] = 'x\ny'
    _write(path, {'database': {'a': entry}})
    with pytest.raises(DataError, match=r"a.json: video a: expected a label of one line, found 'x"):
        formats.read_opentad([path])


def test_numbers_beyond_float64(tmp_path):
    videos = _write(tmp_path / 'd.json', {'a': 10**400})
    with pytest.raises(DataError, match='d.json: video a: expected a duration in seconds above 0'):
        formats.VideoInfo([videos])
