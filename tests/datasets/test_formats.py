# SPDX-License-Identifier: Apache-2.0
"""Readers of json and THUMOS txt annotations on small hand-made files."""

import json

import pytest
from format_files import database, video, write

from tmx_plugin.datasets import formats
from tmx_plugin.datasets.annotation_files import read_annotations
from tmx_plugin.datasets.errors import DataError


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
