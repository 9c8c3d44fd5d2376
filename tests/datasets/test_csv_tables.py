# SPDX-License-Identifier: Apache-2.0
"""Tables of segments that say a video's facts more than once, or name columns their own way."""

import pytest

from tmx_plugin.datasets import DataError, formats


def read(path, text):
    path.write_text(text)
    return formats.read_csv([path], videos=formats.VideoInfo())


def test_names_of_columns_in_any_case(tmp_path):
    path = tmp_path / 'my.csv'
    document = read(path, 'Video;START;End;Label;Duration\na;0;1;Run;9\n')
    assert document.database['a']['duration'] == 9 and document.classes == ['Run']
    assert formats.detect_format(path) == 'csv'


@pytest.mark.parametrize(
    'rows, words',
    [
        (('9,25', '8,25'), r'my.csv:3: video a: expected duration 9.0 as in .*my.csv:2, found 8.0'),
        (('9,25', '9,30'), r'my.csv:3: video a: expected fps 25.0 as in .*my.csv:2, found 30.0'),
        (
            ('9,', '9,30', '9,25'),
            r'my.csv:4: video a: expected fps 30.0 as in .*my.csv:3, found 25.0',
        ),
        (
            ('9,', ',', '8,'),
            r'my.csv:4: video a: expected duration 9.0 as in .*my.csv:2, found 8.0',
        ),
    ],
)
def test_facts_of_a_video_must_agree(tmp_path, rows, words):
    text = 'video,start,end,label,duration,fps\n' + ''.join(f'a,0,1,Run,{row}\n' for row in rows)
    with pytest.raises(DataError, match=words):
        read(tmp_path / 'my.csv', text)


def test_facts_that_agree_or_are_left_out(tmp_path):
    document = read(
        tmp_path / 'my.csv',
        'video,start,end,label,duration,fps\na,0,1,Run,9,25\na,2,3,Run,,\na,2,3,Run,0:09,25.0\n',
    )
    assert document.database['a']['fps'] == 25 and len(document.database['a']['annotations']) == 3
