# SPDX-License-Identifier: Apache-2.0
"""Readers of the files of label tools and of further data sets, each on a file as documented."""

import json

import pytest

from tmx_plugin.datasets import formats
from tmx_plugin.datasets.annotations import read_annotations
from tmx_plugin.datasets.formats import FORMATS, FormatError

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-01-01T00:00:00+01:00" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///home/me/films/tea.mp4" MIME_TYPE="video/mp4"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/>
<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2250"/><TIME_SLOT TIME_SLOT_ID="ts3"/></TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="action"><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>stir &amp; pour</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="remark"><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>dark</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>"""
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>1</id><name>tea</name><size>50</size>
<mode>interpolation</mode><start_frame>0</start_frame><stop_frame>49</stop_frame>
<frame_filter></frame_filter><source>tea.mp4</source></task></meta>
<track id="0" label="stir"><box frame="10" outside="0" keyframe="1"/>
<box frame="11" outside="0" keyframe="0"/><box frame="12" outside="1" keyframe="1"/>
<box frame="20" outside="0" keyframe="1"/><box frame="21" outside="0" keyframe="0"/></track>
</annotations>"""
BORIS = {
    'project_format_version': '7.0',
    'behaviors_conf': {
        '0': {'type': 'State event', 'code': 'stir'},
        '1': {'type': 'Point event', 'code': 'hit'},
    },
    'observations': {
        'obs 1': {
            'type': 'MEDIA',
            'file': {'1': ['tea.mp4'], '2': []},
            'media_info': {'length': {'tea.mp4': 30.0}, 'fps': {'tea.mp4': 25.0}},
            'events': [
                [1.0, 'left', 'stir', '', ''],
                [2.0, '', 'hit', '', ''],
                [1.5, 'right', 'stir', '', ''],
                [4.0, 'left', 'stir', '', ''],
                [3.0, 'right', 'stir', '', ''],
            ],
        }
    },
}
VIA = {
    'project': {},
    'config': {},
    'attribute': {
        '1': {'aname': 'action', 'type': 4, 'options': {'0': 'stir', '1': 'pour'}},
        '2': {'aname': 'remark', 'type': 1, 'options': {}},
    },
    'file': {'1': {'fid': '1', 'fname': 'tea.mp4'}},
    'view': {'1': {'fid_list': ['1']}},
    'metadata': {
        '1_a': {'vid': '1', 'flg': 0, 'z': [1.25, 2.5], 'xy': [], 'av': {'1': '1'}},
        '1_b': {'vid': '1', 'flg': 0, 'z': [3], 'xy': [2, 0, 0, 9, 9], 'av': {}},
    },
}
ACTIONS = {
    'v1': {'subset': 'training', 'duration': 9.0, 'actions': [[0, 1.0, 2.0], [1, 1.5, 3.0]]},
    'v2': {'subset': 'testing', 'duration': 8.0, 'actions': []},
}
FLAT = {
    'v_1': {
        'duration_second': 9.0,
        'duration_frame': 270,
        'feature_frame': 260,
        'annotations': [{'segment': [1.0, 2.0], 'label': 'stir'}],
    }
}
EGO4D = {
    'version': '2',
    'videos': [
        {
            'video_uid': 'u',
            'split': 'val',
            'clips': [
                {
                    'clip_uid': 'c',
                    'video_start_sec': 10.0,
                    'video_end_sec': 490.0,
                    'annotations': [
                        {
                            'annotator_uid': 'x',
                            'labels': [
                                {
                                    'start_time': 5.0,
                                    'end_time': 7.0,
                                    'label': 'stir',
                                    'primary': True,
                                },
                                {
                                    'start_time': 5.0,
                                    'end_time': 9.0,
                                    'label': 'odd',
                                    'primary': False,
                                },
                            ],
                        },
                        {
                            'annotator_uid': 'y',
                            'labels': [
                                {
                                    'start_time': 5.0,
                                    'end_time': 7.0,
                                    'label': 'stir',
                                    'primary': True,
                                }
                            ],
                        },
                    ],
                }
            ],
        }
    ],
}
GOALSTEP = {
    'version': 'v1',
    'videos': [
        {
            'video_uid': 'u',
            'goal_category': 'COOKING',
            'segments': [
                {
                    'start_time': 1.0,
                    'end_time': 9.0,
                    'step_category': 'mix',
                    'segments': [
                        {
                            'start_time': 2.0,
                            'end_time': 3.0,
                            'step_category': 'mix: stir',
                            'segments': [],
                        }
                    ],
                }
            ],
        }
    ],
}
CHARADES = 'id,subject,actions,length\nAB1,S1,c001 1.50 2.00;c000 3.00 4.25,30.5\nAB2,S2,,12.0\n'


def stir(start, end, label='stir'):
    return {'label': label, 'segment': [start, end]}


CASES = [
    ('elan', 'tea.eaf', EAF, dict(tiers=['action']), {'tea': [stir(0.5, 2.25, 'stir & pour')]}),
    ('cvat', 'annotations.xml', CVAT, dict(fps=10), {'tea': [stir(1.0, 1.2), stir(2.0, 2.2)]}),
    ('boris', 'p.boris', BORIS, {}, {'tea': [stir(1.0, 4.0), stir(1.5, 3.0)]}),
    ('via', 'via.json', VIA, {}, {'tea': [stir(1.25, 2.5, 'pour')]}),
    (
        'actions-json',
        'multithumos.json',
        ACTIONS,
        dict(classes=('stir', 'pour')),
        {'v1': [stir(1.0, 2.0), stir(1.5, 3.0, 'pour')], 'v2': []},
    ),
    ('activitynet-flat', 'anet_anno_train.json', FLAT, {}, {'v_1': [stir(1.0, 2.0)]}),
    ('ego4d-mq', 'moments_val.json', EGO4D, {}, {'c': [stir(5.0, 7.0)]}),
    (
        'goalstep',
        'goalstep_train.json',
        GOALSTEP,
        {},
        {'u': [stir(1.0, 9.0, 'mix'), stir(2.0, 3.0, 'mix: stir')]},
    ),
    (
        'charades',
        'Charades_v1_test.csv',
        CHARADES,
        {},
        {'AB1': [stir(1.5, 2.0, 'c001'), stir(3.0, 4.25, 'c000')], 'AB2': []},
    ),
]


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.fixture
def lengths(tmp_path):
    return formats.VideoInfo([write(tmp_path / 'lengths.json', {'tea': 30, 'u': 60})])


def read(tmp_path, lengths, name, file, content, options):
    path = write(tmp_path / file, content)
    if isinstance(options.get('classes'), tuple):
        options = dict(
            options, classes=write(tmp_path / 'names.txt', '\n'.join(options['classes']) + '\n')
        )
    return FORMATS[name].read([path], videos=lengths, **options)


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
