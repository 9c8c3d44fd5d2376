# SPDX-License-Identifier: Apache-2.0
"""The reader of csv tables of segments."""

import pytest
from format_files import write

from tmx_plugin.datasets import formats
from tmx_plugin.datasets.errors import DataError


@pytest.mark.parametrize(
    'text',
    [
        'video,start,end,label\na.mp4,1,2.5,x\n./b.mkv,00:01:00.5,61,y\n',
        '\ufefflabel;video;end;start;score\nx;a;2.5;1;0.5\ny;b;1:01;60.5;0.5\n',
    ],
)
def test_csv(tmp_path, text):
    path = write(tmp_path / 'my.csv', text)
    videos = formats.VideoInfo([write(tmp_path / 'durations.csv', 'video,duration\na,9\nb,99\n')])
    document = formats.read_csv(
        [path], videos=videos, split=lambda names: dict.fromkeys(names, 't')
    )
    assert document.classes == ['x', 'y']
    assert document.database == {
        'a': {
            'subset': 't',
            'duration': 9.0,
            'annotations': [{'label': 'x', 'segment': [1.0, 2.5]}],
        },
        'b': {
            'subset': 't',
            'duration': 99.0,
            'annotations': [{'label': 'y', 'segment': [60.5, 61.0]}],
        },
    }


def test_csv_columns_for_subset_and_duration(tmp_path):
    path = write(
        tmp_path / 'my.csv',
        'video,start,end,label,subset,duration,fps\na,0,1,x,test,9,25\na,2,3,x,test,9,25\n',
    )
    document = formats.read_csv([path], videos=formats.VideoInfo())
    assert document.counts() == {'test': (1, 2)} and document.database['a']['fps'] == 25.0
    path.write_text(path.read_text() + 'a,4,5,x,train,9,25\n')
    with pytest.raises(DataError, match=r"my.csv:4: video a: expected one subset .*'test'"):
        formats.read_csv([path], videos=formats.VideoInfo())


@pytest.mark.parametrize(
    'row, message',
    [
        ('a,nan,1,x', 'finite and not negative'),
        ('a,-1,1,x', 'finite and not negative'),
        ('a,0,inf,x', 'finite and not negative'),
        ('a,2,1,x', 'end is not before its start'),
        ('a,0,one,x', "found 'one'"),
        ('a,0,1,', 'a label'),
        ('a,0,1', 'expected 4 fields, found 3'),
        ('a,0,1,open, door', "expected 4 fields, found 5 .a text with ',' needs double quotes"),
        ('a,0:-5,1,x', "found '0:-5'"),
        (f'a,0,1,{"x" * 200_000}', 'larger than field limit'),
        ('c,0,1,x', 'the duration of the video from one of'),
        (',0,1,x', 'the name of a video'),
    ],
)
def test_csv_errors_name_line_and_video(tmp_path, row, message):
    path = write(tmp_path / 'my.csv', f'video,start,end,label\na,0,1,x\n{row}\n')
    videos = formats.VideoInfo([write(tmp_path / 'd.json', {'a': 9})])
    with pytest.raises(DataError, match=message) as error:
        formats.read_csv([path], videos=videos)
    assert 'my.csv:3' in str(error.value)


def test_csv_class_list_is_checked(tmp_path):
    path = write(tmp_path / 'my.csv', 'video,start,end,label,duration\na,0,1,z,9\n')
    classes = write(tmp_path / 'classes.txt', 'y\nx\n')
    with pytest.raises(DataError, match="my.csv: video a: expected one of the 2 class .*'z'"):
        formats.read_csv([path], videos=formats.VideoInfo(), classes=classes)


def test_csv_with_line_breaks_in_quotes_and_windows_line_ends(tmp_path):
    path = tmp_path / 'my.csv'
    path.write_bytes(
        b'video,note,start,end,label,duration\r\na,"two\r\nlines",0,1,x,9\r\n\r\na,,3,2,x,9\r\n'
    )
    with pytest.raises(DataError, match='my.csv:5: video a: .* not before its start'):
        formats.read_csv([path], videos=formats.VideoInfo())
