# SPDX-License-Identifier: Apache-2.0
"""The reader of EPIC-Kitchens-100 lists."""

import math

import pytest
from format_files import write
from hypothesis import given
from hypothesis import strategies as st

from tmx_plugin.datasets import formats
from tmx_plugin.datasets.errors import DataError
from tmx_plugin.datasets.formats.epic import frame_to_seconds

VERBS = "id,key,instances,category\n0,take,\"['a', 'b']\",x\n1,put,[],x\n"


NOUNS = 'id,key,instances,category\n' + ''.join(f'{i},noun{i},[],x\n' for i in range(300))


@pytest.fixture
def epic(tmp_path):
    return dict(
        verb_classes=write(tmp_path / 'verbs.csv', VERBS),
        noun_classes=write(tmp_path / 'nouns.csv', NOUNS),
        videos=formats.VideoInfo(
            [
                write(
                    tmp_path / 'info.csv',
                    'video_id,duration,fps,resolution\nP01_01,99.5,50.0,x\nP01_02,60.25,59.94,x\n',
                )
            ]
        ),
    )


def test_epic_official_time_stamps_and_flat_frames(epic, tmp_path):
    official = write(
        tmp_path / 'EPIC_100_validation.csv',
        (
            'narration_id,video_id,start_timestamp,stop_timestamp,start_frame,stop_frame,verb_class,'
            'noun_class\nx,P01_01,00:01:00.25,00:01:02.50,1,2,1,271\n'
        ),
    )
    flat = write(
        tmp_path / 'c2_training.csv',
        'narration_id,video,start,stop,verb,noun,action\nx,P01_02,123,246,0,1,9\n',
    )
    documents = {
        target: formats.read_epic([flat, official], target=target, **epic)
        for target in ('verb', 'noun', 'action')
    }
    assert documents['verb'].classes == ['take', 'put']
    assert len(documents['noun'].classes) == 293 and 'noun270' not in documents['noun'].classes
    assert documents['noun'].classes.index('noun271') == 270
    assert documents['action'].classes == ['0,1', '1,271']
    assert documents['noun'].database['P01_01'] == {
        'subset': 'val',
        'duration': 99.5,
        'fps': 30.0,  # flat, not the 50 of the recording
        'annotations': [{'label': 'noun271', 'segment': [60.25, 62.5]}],
    }
    assert documents['verb'].database['P01_02']['subset'] == 'train'
    segment = documents['action'].database['P01_02']['annotations'][0]['segment']
    assert [int(time * 30) for time in segment] == [123, 246]


@given(st.integers(0, 2_000_000))
def test_epic_frames_survive_the_way_through_seconds(frame):
    seconds = frame_to_seconds(frame)
    assert int(seconds * 30) == frame and math.isclose(seconds, frame / 30)


@pytest.mark.parametrize(
    'row, message',
    [
        ('P01_01,x,00:00:01.0,0,0', "expected a time in seconds or as HH:MM:SS.ff, found 'x'"),
        ('P01_01,00:00:00.5,00:00:01.0,2,0', 'expected a verb id that is in the class list'),
        ('P01_01,00:00:00.5,00:00:01.0,0,270', 'expected a noun id .* found 270'),
        ('P01_01,00:00:00.5,00:00:01.0,0,n', "expected a noun id .a whole number., found 'n'"),
        ('P09_01,00:00:00.5,00:00:01.0,0,0', 'video P09_01: expected the duration'),
        ('P01_01,00:00:01.5,00:00:01.0,0,0', 'whose end is not before its start'),
    ],
)
def test_epic_errors(epic, tmp_path, row, message):
    path = write(
        tmp_path / 'val.csv',
        'video_id,start_timestamp,stop_timestamp,verb_class,noun_class\n' + row + '\n',
    )
    with pytest.raises(DataError, match=message) as error:
        formats.read_epic([path], target='noun', **epic)
    assert 'val.csv:2' in str(error.value) and row[:6] in str(error.value)


def test_epic_subset_needs_a_name_or_a_word(epic, tmp_path):
    path = write(tmp_path / 'list.csv', 'video,start,stop,verb,noun\nP01_01,1,2,0,0\n')
    with pytest.raises(DataError, match='file name with "train" or "val"'):
        formats.read_epic([path], target='verb', **epic)
    document = formats.read_epic([f'val={path}'], target='verb', **epic)
    assert document.counts() == {'val': (1, 1)}
