# SPDX-License-Identifier: Apache-2.0
"""Readers of foreign annotation formats on small hand-made files."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmx_plugin.datasets import formats
from tmx_plugin.datasets.annotations import read_annotations
from tmx_plugin.datasets.errors import DataError
from tmx_plugin.datasets.formats.epic import frame_to_seconds
from tmx_plugin.datasets.formats.files import parse_seconds, video_name
from tmx_plugin.structures.video_time import VideoTime


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def database(**videos):
    return {'version': 'v', 'database': videos}


def video(*annotations, subset='Training', duration=10.0, **more):
    return {
        'subset': subset,
        'duration': duration,
        'annotations': [
            {'label': label, 'segment': [start, end], **extra}
            for label, start, end, extra in annotations
        ],
        **more,
    }


@pytest.fixture
def actionformer(tmp_path):
    return write(
        tmp_path / 'af.json',
        database(
            a=video(
                ('Run', 1, 2, {'label_id': 0}),
                ('Ambiguous', 3, 4, {'label_id': 7}),
                fps=25.0,
                subset='Validation',
            ),
            b=video(('Jump', 0, 5.5, {'label_id': 1}), fps=30.0, subset='Test'),
        ),
    )


def test_actionformer_classes_follow_label_id_and_thumos_subsets_are_renamed(actionformer):
    data = json.loads(actionformer.read_text())
    data['database']['a']['annotations'].pop(1)
    actionformer.write_text(json.dumps(data))
    document = formats.read_actionformer([actionformer])
    assert document.classes == ['Run', 'Jump']  # not by name
    assert document.database['a'] == {
        'subset': 'training',
        'duration': 10.0,
        'fps': 25.0,
        'annotations': [{'label': 'Run', 'segment': [1.0, 2.0]}],
    }
    assert document.database['b']['subset'] == 'validation'
    assert 'Test -> validation' in document.notes[0]


def test_multithumos_and_opentad_classes_are_by_name(actionformer):
    for reader in (formats.read_multithumos, formats.read_opentad):
        document = reader([actionformer])
        assert document.classes == ['Jump', 'Run']
        assert document.counts() == {'training': (1, 1), 'validation': (1, 1)}


@pytest.mark.parametrize(
    'subsets, expected',
    [
        (['Test', 'Validation'], {'Test': 'validation', 'Validation': 'training'}),
        (['Training', 'VALIDATION'], {'Training': 'training', 'VALIDATION': 'validation'}),
        (['train', 'val', 'Test'], {'train': 'train', 'val': 'val', 'Test': 'test'}),
    ],
)
def test_subset_names(subsets, expected):
    assert formats.subset_names(subsets) == expected


def test_subsets_that_are_not_there_cannot_be_named(actionformer):
    with pytest.raises(
        DataError,
        match=r"af.json: expected a subset 'test' to rename, found only "
        r"'Test', 'Validation'",
    ):
        formats.read_opentad([actionformer], subsets={'test': 'exam'})


def test_subsets_can_be_named(actionformer):
    document = formats.read_opentad([actionformer], subsets={'Test': 'exam'})
    assert document.counts() == {'training': (1, 1), 'exam': (1, 1)}


def test_video_facts_replace_those_of_the_file(actionformer, tmp_path):
    facts = write(tmp_path / 'facts.json', database(a={'duration': 10.4, 'frame': 312}))
    document = formats.read_opentad([actionformer], videos=formats.VideoInfo([facts]))
    assert document.database['a']['duration'] == 10.4
    assert document.database['a']['frame'] == 312 and 'fps' not in document.database['a']
    assert document.database['b']['fps'] == 30.0


def test_label_id_with_two_names_is_refused(tmp_path):
    path = write(
        tmp_path / 'af.json',
        database(a=video(('Run', 1, 2, {'label_id': 0}), ('Jump', 1, 2, {'label_id': 0}))),
    )
    with pytest.raises(DataError, match="video a: expected label_id 0 to be 'Run', found 'Jump'"):
        formats.read_actionformer([path])


def test_video_in_two_files_and_twice_in_one_are_refused(actionformer, tmp_path):
    with pytest.raises(DataError, match='each video in one file'):
        formats.read_opentad([actionformer, actionformer])
    twice = write(tmp_path / 'twice.json', '{"database": {"v": 1, "v": 2}}')
    with pytest.raises(DataError, match="each key once in an object, found 'v' twice"):
        formats.detect_format(twice)


def test_thumos_txt(tmp_path):
    for folder, name, text in [
        ('val', 'LongJump_val.txt', 'video_validation_1  1.5 2\n\nvideo_validation_1 3 4.5\n'),
        ('test', 'Ambiguous_test.txt', 'video_test_1 0 1\n'),
        ('test', 'readme.txt', 'hi'),
    ]:
        (tmp_path / folder).mkdir(exist_ok=True)
        write(tmp_path / folder / name, text)
    videos = formats.VideoInfo(
        [
            write(
                tmp_path / 'facts.json',
                {'video_validation_1': {'duration': 5, 'frame': 150}, 'video_test_1': 7.5},
            )
        ]
    )
    document = formats.read_thumos_txt([tmp_path / 'val', tmp_path / 'test'], videos=videos)
    assert document.classes == ['LongJump']
    assert document.counts() == {'training': (1, 2), 'validation': (1, 0)}
    assert document.database['video_validation_1'] == {
        'subset': 'training',
        'duration': 5.0,
        'frame': 150,
        'annotations': [
            {'label': 'LongJump', 'segment': [1.5, 2.0]},
            {'label': 'LongJump', 'segment': [3.0, 4.5]},
        ],
    }


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


def test_detect_format(actionformer, tmp_path):
    challenge = tmp_path / 'challenge'
    challenge.mkdir()
    (challenge / 'Jump_val.txt').write_text('a 0 1\n')
    cases = [(actionformer, 'actionformer'), (challenge, 'thumos-txt')]
    for number, (content, name) in enumerate(
        [
            (database(a=video(('x', 0, 1, {}))), 'opentad'),
            ({'version': 'MultiThumos-30fps', **{'database': {}}}, 'multithumos'),
            ([{'data': {'video': 'a.mp4'}}], 'label-studio'),
        ]
    ):
        cases.append((write(tmp_path / f'{number}.json', content), name))
    cases += [
        (write(tmp_path / 'a.csv', 'label,video,end,start\n'), 'csv'),
        (write(tmp_path / 'b.csv', 'narration_id,video,start,stop,verb,noun\n'), 'epic'),
    ]
    assert [(path, formats.detect_format(path)) for path, _ in cases] == cases
    for name, content in [('c.csv', 'a,b\n'), ('d.json', {'results': {}}), ('e.json', '3')]:
        with pytest.raises(DataError, match=name):
            formats.detect_format(write(tmp_path / name, content))


def test_written_document_is_read_by_the_dataset(actionformer, tmp_path):
    document = formats.read_opentad([actionformer])
    document.note_oddities()
    formats.write_document(document, tmp_path / 'new' / 'out.json')
    videos = read_annotations(tmp_path / 'new' / 'out.json')
    assert [(v.video_id, v.subset, v.labels) for v in videos] == [
        ('a', 'training', ('Run', 'Ambiguous')),
        ('b', 'validation', ('Jump',)),
    ]
    assert (tmp_path / 'new' / 'classes.txt').read_text() == 'Jump\nRun\n'


def test_oddities_are_noted(tmp_path):
    path = write(
        tmp_path / 'a.json',
        database(a=video(('x', 2, 2, {}), ('x', 9, 11, {}), ('x', 10, 12, {}), ('x', 1, 2, {}))),
    )
    document = formats.read_opentad([path])
    document.note_oddities()
    assert [note.split(' (')[0] for note in document.notes[1:]] == [
        '1 segments end at or before their start',
        '1 segments start at or after the end of their video',
        '1 segments end after their video',
    ]


def test_csv_with_line_breaks_in_quotes_and_windows_line_ends(tmp_path):
    path = tmp_path / 'my.csv'
    path.write_bytes(
        b'video,note,start,end,label,duration\r\na,"two\r\nlines",0,1,x,9\r\n\r\na,,3,2,x,9\r\n'
    )
    with pytest.raises(DataError, match='my.csv:5: video a: .* not before its start'):
        formats.read_csv([path], videos=formats.VideoInfo())
