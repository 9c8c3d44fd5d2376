# SPDX-License-Identifier: Apache-2.0
"""Readers of the files of label tools and of further data sets, each on a file as documented."""

import json

import format_examples as examples
import pytest

from tmx_plugin.datasets import formats
from tmx_plugin.datasets.annotation_files import read_annotations
from tmx_plugin.datasets.formats import FORMATS, FormatError

EAF, CVAT, BORIS, VIA = examples.EAF, examples.CVAT, examples.BORIS, examples.VIA
ACTIONS, FLAT, EGO4D = examples.ACTIONS, examples.FLAT, examples.EGO4D
GOALSTEP, CHARADES = examples.GOALSTEP, examples.CHARADES


def stir(start, end, label='stir'):
    return {'label': label, 'segment': [start, end]}


EXPECTED = {
    'elan': {'tea': [stir(0.5, 2.25, 'stir & pour')]},
    'cvat': {'tea': [stir(1.0, 1.2), stir(2.0, 2.2)]},
    'boris': {'tea': [stir(1.0, 4.0), stir(1.5, 3.0)]},
    'via': {'tea': [stir(1.25, 2.5, 'pour')]},
    'actions-json': {'v1': [stir(1.0, 2.0), stir(1.5, 3.0, 'pour')], 'v2': []},
    'activitynet-flat': {'v_1': [stir(1.0, 2.0)]},
    'ego4d-mq': {'c': [stir(5.0, 7.0)]},
    'goalstep': {'u': [stir(1.0, 9.0, 'mix'), stir(2.0, 3.0, 'mix: stir')]},
    'charades': {'AB1': [stir(1.5, 2.0, 'c001'), stir(3.0, 4.25, 'c000')], 'AB2': []},
}
CASES = [(name, *examples.EXAMPLES[name], expected) for name, expected in EXPECTED.items()]


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.fixture
def lengths(tmp_path):
    return formats.VideoInfo([write(tmp_path / 'lengths.json', {'tea': 30, 'u': 60})])


def read(tmp_path, lengths, name, file, content, options):
    path = write(tmp_path / file, content)
    return FORMATS[name].read([path], videos=lengths, **examples.options_in(tmp_path, options))


@pytest.mark.parametrize(
    'name, file, content, options, expected', CASES, ids=[case[0] for case in CASES]
)
def test_segments_and_round_trip(tmp_path, lengths, name, file, content, options, expected):
    document = read(tmp_path, lengths, name, file, content, options)
    assert {video: entry['annotations'] for video, entry in document.database.items()} == expected
    formats.write_document(document, tmp_path / 'out.json')
    videos = read_annotations(tmp_path / 'out.json')
    assert {
        video.video_id: [
            stir(*segment, label)
            for label, segment in zip(video.labels, video.segments_sec.tolist())
        ]
        for video in videos
    } == expected


@pytest.mark.parametrize(
    'name, file, content, options, expected', CASES, ids=[case[0] for case in CASES]
)
def test_detected(tmp_path, name, file, content, options, expected):
    guess = formats.guess_formats(write(tmp_path / file, content))[0]
    assert guess.name == name and guess.reason


@pytest.mark.parametrize(
    'name, file, video, subset',
    [
        ('actions-json', 'multithumos.json', 'v2', 'validation'),
        ('activitynet-flat', 'anet_anno_train.json', 'v_1', 'training'),
        ('ego4d-mq', 'moments_val.json', 'c', 'validation'),
        ('goalstep', 'goalstep_train.json', 'u', 'training'),
        ('charades', 'Charades_v1_test.csv', 'AB2', 'validation'),
    ],
)
def test_subsets(tmp_path, lengths, name, file, video, subset):
    _, _, content, options, _ = next(case for case in CASES if case[0] == name)
    document = read(tmp_path, lengths, name, file, content, options)
    assert document.database[video]['subset'] == subset


def test_boris_and_cvat_bring_their_durations(tmp_path):
    nothing = formats.VideoInfo()
    boris = read(tmp_path, nothing, *CASES[2][:4])
    assert boris.database['tea']['duration'] == 30.0 and boris.database['tea']['fps'] == 25.0
    assert '1 point events, which have no length, were left out' in boris.notes
    cvat = read(tmp_path, nothing, *CASES[1][:4])
    assert cvat.database['tea'] | {'annotations': []} == dict(
        subset='training', duration=5.0, frame=50, fps=10.0, annotations=[]
    )


def changed(content, **changes):
    return {**content, **changes}


@pytest.mark.parametrize(
    'name, file, content, options, words',
    [
        (
            'elan',
            'a.eaf',
            EAF,
            {},
            r"time in milliseconds for 'dark' \(time slot ts3\), found None",
        ),
        ('elan', 'a.eaf', EAF, dict(tiers=['x']), "a tier 'x', found the tiers"),
        ('elan', 'a.eaf', EAF[:300], {}, 'a.eaf: expected XML with the root element'),
        ('elan', 'a.eaf', CVAT, {}, 'ANNOTATION_DOCUMENT, found <annotations>'),
        (
            'cvat',
            'a.xml',
            CVAT.replace('<start_frame>0', '<start_frame>5'),
            dict(fps=10),
            "a task of all frames of its video, from the first on, found .*start_frame '5'",
        ),
        (
            'cvat',
            'a.xml',
            '<annotations><image id="0"/></annotations>',
            dict(fps=10),
            "with tracks, found the elements .'image'",
        ),
        ('cvat', 'a.xml', CVAT, dict(fps=0), 'above 0, found 0'),
        ('boris', 'a.boris', {'observations': {}}, {}, '"observations" and "behaviors_conf"'),
        (
            'boris',
            'a.boris',
            changed(BORIS, observations={'o': {'file': {'1': ['a', 'b']}, 'events': []}}),
            {},
            'video o: expected an observation of one media file',
        ),
        (
            'boris',
            'a.boris',
            changed(
                BORIS,
                observations={'o': {'file': {'1': ['a']}, 'events': [[1, 'left', 'stir', '', '']]}},
            ),
            {},
            "a stop of 'stir' of left, found only a start at 1 s",
        ),
        (
            'via',
            'a.json',
            changed(VIA, metadata={'1': {'vid': '1', 'z': [0, 1], 'av': {}}}),
            {},
            'video tea: expected one label a segment .*found none',
        ),
        (
            'via',
            'a.json',
            changed(VIA, metadata={'1': {'vid': '9', 'z': [0, 1], 'av': {}}}),
            {},
            'a segment of a known view',
        ),
        ('actions-json', 'a.json', ACTIONS, {}, r'a class list beside it \(--classes\)'),
        (
            'actions-json',
            'a.json',
            {'v': {'duration': 9, 'actions': [[2, 0, 1]]}},
            dict(classes=('a', 'b', 'c')),
            'whether ids start at 0 or 1 .*found ids from 2 to 2',
        ),
        (
            'actions-json',
            'a.json',
            {'v': {'duration': 9, 'actions': [[0, 0, 1], [7, 0, 1]]}},
            dict(classes=('a', 'b')),
            'an id from 0 to 1, found 7',
        ),
        ('ego4d-mq', 'a.json', GOALSTEP, {}, 'videos with a list "clips"'),
        (
            'charades',
            'a.csv',
            CHARADES.replace('1.50 2.00', '1.50'),
            {},
            'an action "code start end"',
        ),
    ],
)
def test_refused(tmp_path, lengths, name, file, content, options, words):
    with pytest.raises(FormatError, match=words):
        read(tmp_path, lengths, name, file, content, options)


def test_xml_entities_are_refused(tmp_path, lengths):
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;">]>'
        '<ANNOTATION_DOCUMENT>&z;</ANNOTATION_DOCUMENT>'
    )
    with pytest.raises(FormatError, match='XML with the root element'):
        read(tmp_path, lengths, 'elan', 'a.eaf', bomb, {})


def test_pickles_are_refused_with_the_csv_named(tmp_path):
    (tmp_path / 'EPIC_100_train.pkl').write_bytes(b'\x80\x04N.')
    with pytest.raises(FormatError, match=r'EPIC_100_train.csv beside it\), found a pick'):
        formats.detect_format(tmp_path / 'EPIC_100_train.pkl')


@pytest.mark.parametrize(
    'text, columns, times, expected',
    [
        # THUMOS-14 as G-TAD and AFSD have it
        (
            'video,type,type_idx,start,end,startFrame,endFrame\nv1,Run,5,0.2,1.1,6,33\n',
            {'label': 'type'},
            None,
            [0.2, 1.1],
        ),
        (
            'video,type,type_idx,start,end,startFrame,endFrame\nv1,Run,5,0.2,1.1,6,33\n',
            {'label': 'type', 'start': 'startFrame', 'end': 'endFrame'},
            'frames',
            [0.2, 1.1],
        ),
        # BORIS' aggregated events
        (
            'Media file;Behavior;Start (s);Stop (s)\nv1.mp4;Run;0.2;1.1\n',
            {'video': 'Media file', 'label': 'Behavior', 'start': 'Start (s)', 'end': 'Stop (s)'},
            'seconds',
            [0.2, 1.1],
        ),
        # EPIC-Kitchens-55
        (
            'uid,video_id,narration,start_timestamp,stop_timestamp,verb_class\n'
            '0,v1,open door,00:00:00.20,00:00:01.10,Run\n',
            {
                'video': 'video_id',
                'label': 'verb_class',
                'start': 'start_timestamp',
                'end': 'stop_timestamp',
            },
            'clock',
            [0.2, 1.1],
        ),
    ],
)
def test_columns_of_other_tables(tmp_path, text, columns, times, expected):
    videos = formats.VideoInfo([write(tmp_path / 'v.json', {'v1': 9})])
    document = formats.read_csv(
        [write(tmp_path / 'a.csv', text)], videos=videos, columns=columns, times=times, fps=30
    )
    assert document.database['v1']['annotations'] == [
        {'label': 'Run', 'segment': pytest.approx(expected)}
    ]


def test_videos_without_actions_stay(tmp_path):
    path = write(tmp_path / 'a.csv', 'video,start,end,label,duration\na,0,1,x,9\nb,,,,9\n')
    document = formats.read_csv([path], videos=formats.VideoInfo())
    assert document.database['b']['annotations'] == []


@pytest.mark.parametrize(
    'row, times, words',
    [
        ('a,0:01,2,x', 'seconds', "a time in seconds, found '0:01'"),
        ('a,1,2,x', 'clock', "a time as HH:MM:SS.ff, found '1'"),
        ('a,1,2,x', 'frames', 'frames a second for times in frames'),
        ('a,1.5,2,x', 'frames', 'frames'),
    ],
)
def test_wrong_unit_of_times(tmp_path, row, times, words):
    path = write(tmp_path / 'a.csv', f'video,start,end,label\n{row}\n')
    videos = formats.VideoInfo([write(tmp_path / 'v.json', {'a': 9})])
    with pytest.raises(FormatError, match=words):
        formats.read_csv([path], videos=videos, times=times)


def test_folders_of_names_stay(tmp_path):
    path = write(
        tmp_path / 'a.csv',
        'video,start,end,label,duration\nP01/cam1.mp4,0,1,x,9\nP02/cam1.mp4,0,1,x,9\n',
    )
    document = formats.read_csv([path], videos=formats.VideoInfo())
    assert list(document.database) == ['P01/cam1', 'P02/cam1']


@pytest.mark.parametrize(
    'text, duration',
    [
        ('video,fps,frames\na,25,1000\n', 40.0),
        ('video,frames\na,1000\n', 1000 / 30),
        ('video,fps,sample_fps,count,sample_count\na,25,10,1000,400\n', 40.0),
    ],
)
def test_rate_of_the_row_counts(tmp_path, text, duration):
    videos = formats.VideoInfo([write(tmp_path / 'v.csv', text)])
    assert videos['a']['duration'] == pytest.approx(duration)
    assert next(iter(videos.ignored_columns.values())) == [
        name for name in ('sample_count', 'sample_fps') if name in text
    ]


def test_durations_missing_in_a_json_come_from_elsewhere(tmp_path):
    path = write(
        tmp_path / 'a.json',
        {'database': {'a': {'subset': 'training', 'annotations': [stir(1, 2)]}}},
    )
    videos = formats.VideoInfo([write(tmp_path / 'v.json', {'a': 9})])
    assert formats.read_opentad([path], videos=videos).database['a']['duration'] == 9
