# SPDX-License-Identifier: Apache-2.0
"""Every exported file is read back by a strict reader of its own."""

import csv
import html
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmx_plugin.errors import DataError
from tmx_plugin.exporters import (
    FORMATS,
    export,
    label_studio_config,
    read_activitynet,
    to_detections,
    validate_epic_submission,
    write_activitynet,
    write_csv,
    write_epic_submission,
    write_label_studio,
    write_srt,
    write_vtt,
)

DETECTIONS = {
    'a': [
        dict(label='jump, high', score=0.875, segment=[61.5, 3725.0004]),
        dict(label='run', score=0.25, segment=[0.0, 2.25]),
    ],
    'b': [],
    'ü/c': [dict(label='say "hi"', score=1.0, segment=[1.0004, 1.0004])],
}


def test_to_detections_is_plain_python():
    items = to_detections(
        np.array([[0, 1.5]], np.float32), np.array([0.5], np.float32), [1], ('x', 'y')
    )
    assert items == [dict(label='y', score=0.5, segment=[0.0, 1.5])]
    assert type(items[0]['segment'][1]) is float and type(items[0]['score']) is float
    assert to_detections(np.zeros((0, 2)), [], [], ('x',)) == []


# ------------------------------------------------------------------------------------ ActivityNet
def test_activitynet_round_trip(tmp_path):
    path = write_activitynet(DETECTIONS, tmp_path / 'new' / 'p.json')
    assert read_activitynet(path) == DETECTIONS
    content = json.loads(path.read_text())
    assert list(content) == ['version', 'results', 'external_data']


@pytest.mark.parametrize(
    'text, message',
    [
        ('{"results": {"v": [', 'expected json'),
        ('[]', 'expected "results"'),
        ('{"results": {"v": {}}}', "video 'v': expected a list of detections, found dict"),
        (
            '{"results": {"v": [{"label": "x", "score": 1, "segment": [1]}]}}',
            "'v'.* in detection 0",
        ),
        ('{"results": {"v": [{"label": "x", "score": NaN, "segment": [0, 1]}]}}', 'in detection 0'),
        (
            '{"results": {"v": [{"score": 1, "segment": [0, 1]}]}}',
            'expected label, score and segment',
        ),
    ],
)
def test_activitynet_broken_files(tmp_path, text, message):
    path = tmp_path / 'broken.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_activitynet(path)
    assert 'broken.json' in str(error.value)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = write_activitynet({}, tmp_path / 'p.json')
    bad = {'v': [dict(label='x', score=float('nan'), segment=[0, 1])]}
    with pytest.raises(DataError, match='expected finite times and score in detection 0'):
        write_activitynet(bad, path)
    assert read_activitynet(path) == {} and list(tmp_path.iterdir()) == [path]


# -------------------------------------------------------------------------------------------- csv
def test_csv(tmp_path):
    path = write_csv({**DETECTIONS, 'd': [dict(label='x', segment=[1, 2])]}, tmp_path / 'p.csv')
    with open(path, newline='', encoding='utf-8') as file:
        rows = list(csv.reader(file))
    assert rows == [
        ['video', 'start', 'end', 'label', 'score'],
        ['a', '61.5', '3725.0004', 'jump, high', '0.875'],
        ['a', '0.0', '2.25', 'run', '0.25'],
        ['ü/c', '1.0004', '1.0004', 'say "hi"', '1.0'],
        ['d', '1', '2', 'x', ''],
    ]


# -------------------------------------------------------------------------------------- subtitles
def milliseconds(text, point):
    match = re.fullmatch(rf'(\d\d+):([0-5]\d):([0-5]\d){re.escape(point)}(\d{{3}})', text)
    assert match, text
    hours, minutes, seconds, rest = map(int, match.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


def parse_cue(lines, point):
    assert len(lines) == 2 and lines[1].strip() and '-->' not in lines[1]
    start, end = (milliseconds(x, point) for x in lines[0].split(' --> '))
    assert start < end
    return start, end, lines[1]


def parse_srt(text):
    assert text == '' or text.endswith('\n\n')
    cues = []
    for number, block in enumerate(text.split('\n\n')[:-1], 1):
        first, *lines = block.split('\n')
        assert first == str(number)
        cues.append(parse_cue(lines, ','))
    return cues


def parse_vtt(text):
    header, *blocks = text.split('\n\n')
    assert header == 'WEBVTT' and blocks[-1] == ''
    cues = [parse_cue(block.split('\n'), '.') for block in blocks[:-1]]
    assert not any(re.search(r'<|>|&(?!amp;|lt;|gt;)', text) for _, _, text in cues)
    return [(start, end, html.unescape(text)) for start, end, text in cues]


@pytest.mark.parametrize('write, parse', [(write_srt, parse_srt), (write_vtt, parse_vtt)])
def test_subtitles(tmp_path, write, parse):
    items = [
        *DETECTIONS['a'],
        *DETECTIONS['ü/c'],
        dict(label='a <b> &\n\n c --> d', segment=[-1, 400000.0]),
    ]
    cues = parse(write(items, tmp_path / 'x').read_text('utf-8'))
    assert cues == [
        (0, 2250, 'run 0.25'),
        (0, 400_000_000, 'a <b> & c -> d'),
        (1000, 1001, 'say "hi" 1.00'),
        (61500, 3725000, 'jump, high 0.88'),
    ]
    assert parse(write([], tmp_path / 'y').read_text('utf-8')) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e5),
            st.floats(0, 1e5),
            st.floats(0, 1),
            st.text(st.characters(codec='utf-8'), max_size=12),
        )
    )
)
def test_any_label_and_time_gives_valid_subtitles(tmp_path_factory, rows):
    items = [
        dict(label=f'x{label}', score=score, segment=sorted((a, b))) for a, b, score, label in rows
    ]
    folder = tmp_path_factory.mktemp('subtitles')
    srt, vtt = write_srt(items, folder / 'x.srt'), write_vtt(items, folder / 'x.vtt')
    cues = parse_srt(srt.read_text('utf-8'))
    assert len(cues) == len(items)
    assert [cue[:2] for cue in cues] == [cue[:2] for cue in parse_vtt(vtt.read_text('utf-8'))]
    starts = sorted(round(item['segment'][0] * 1000) for item in items)
    assert [cue[0] for cue in cues] == starts


# ----------------------------------------------------------------------------------- Label Studio
def tasks_of(tmp_path, **kwargs):
    return json.loads(
        write_label_studio(DETECTIONS, tmp_path / 't.json', **kwargs).read_text('utf-8')
    )


def test_label_studio_frames(tmp_path):
    tasks = tasks_of(tmp_path, frame_rate=25, video_urls=dict(a='/data/a.mp4'))
    assert [task['data']['video'] for task in tasks] == ['/data/a.mp4', 'b', 'ü/c']
    regions = tasks[0]['predictions'][0]['result']
    # 0 s to 2.25 s are the first 56 frames; 61.5 s is where frame 1539 begins, counted from 1.
    assert regions[1]['value'] == dict(ranges=[dict(start=1, end=56)], timelinelabels=['run'])
    assert regions[0]['value']['ranges'] == [dict(start=1539, end=93125)]
    assert regions[0]['score'] == 0.875 and tasks[0]['predictions'][0]['score'] == 0.5625
    assert tasks[2]['predictions'][0]['result'][0]['value']['ranges'] == [dict(start=26, end=26)]
    assert tasks[1]['predictions'][0]['result'] == []
    assert len({region['id'] for task in tasks for region in task['predictions'][0]['result']}) == 3


@pytest.mark.parametrize('rate', [0, -25, float('nan'), float('inf'), '25', None])
def test_label_studio_needs_a_frame_rate(tmp_path, rate):
    for call in (
        lambda: tasks_of(tmp_path, frame_rate=rate),
        lambda: label_studio_config(['x'], rate),
    ):
        with pytest.raises(ValueError, match='frameRate of the labelling configuration'):
            call()


def test_label_studio_accepts_the_file(tmp_path):
    interface = pytest.importorskip(
        'label_studio_sdk.label_interface', reason='label-studio-sdk is not installed'
    )
    labels = ['jump, high', 'run', 'say "hi"']
    checker = interface.LabelInterface(label_studio_config(labels, 29.97))
    checker.validate()
    assert set(checker.get_control('videoLabels').labels) == set(labels)
    for task in tasks_of(tmp_path, frame_rate=29.97):
        assert checker.validate_prediction(task['predictions'][0], return_errors=True) == []
        assert task['data'].keys() == {'video'}
    # The checker does find a wrong one.
    del task['predictions'][0]['result'][0]['value']['ranges'][0]['end']
    assert checker.validate_prediction(task['predictions'][0], return_errors=True)


# -------------------------------------------------------------------------------- EPIC submission
SLS = dict(sls_pt=2, sls_tl=3, sls_td=4)
EPIC = {'P01_11': [dict(label='0,299', score=0.5, segment=[0.0, 1.5])], 'P02_101': []}


def epic(**changes):
    """A valid submission with the fields of its one detection, or of itself, changed."""
    entry = dict(verb=0, noun=299, action='0,299', score=0.5, segment=[0.0, 1.5])
    top = dict(version='0.2', challenge='action_detection', **SLS)
    for key, value in changes.items():
        (entry if key in entry else top)[key] = value
    return {'results': {'P01_11': [entry], 'P02_101': []}, **top}


def test_epic_submission(tmp_path):
    path = write_epic_submission(EPIC, tmp_path / 's.json', **SLS)
    assert json.loads(path.read_text()) == epic()
    validate_epic_submission(epic())


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(version='0.1'), "version: expected '0.2', found '0.1'"),
        (dict(challenge='action_recognition'), 'challenge: expected'),
        (dict(sls_pt=6), 'sls_pt: expected an integer from 0 to 5, found 6'),
        (dict(sls_td=True), 'sls_td: expected'),
        (dict(sls_tl='3'), 'sls_tl: expected'),
        (dict(extra=1), 'extra: not a field'),
        (dict(verb=97), 'P01_11, detection 0: verb: expected an integer from 0 to 96, found 97'),
        (dict(noun=300), 'noun: expected an integer from 0 to 299'),
        (dict(noun=2.0), 'noun: expected an integer'),
        (dict(action='0, 299'), 'action: expected "0,299", found \'0, 299\''),
        (dict(score=float('nan')), 'score: expected a finite number'),
        (dict(segment=[2.0, 1.0]), 'segment: expected'),
        (dict(segment=[-1.0, 1.0]), 'segment: expected'),
        (dict(segment=[1.0, None]), 'segment: expected'),
        (dict(results={'P1_1': []}), "expected a video such as P01_11, found 'P1_1'"),
        (dict(results={'P01_01': {}}), 'P01_01: expected a list, found dict'),
        (dict(results={'P01_01': [{}]}), 'expected the fields'),
        (dict(results={'P01_01': [1]}), 'expected an object, found int'),
        (dict(results={}), 'results: expected'),
    ],
)
def test_epic_submission_each_field_is_checked(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        validate_epic_submission(epic(**changes))


def test_epic_submission_reports_all_and_writes_nothing(tmp_path):
    many = {'P01_11': [dict(label='0,1', score=0.5, segment=[3.0, 1.0])] * 30}
    with pytest.raises(ValueError, match='detection 19(.|\n)*and 10 more'):
        write_epic_submission(many, tmp_path / 's.json', **SLS)
    with pytest.raises(ValueError, match='P01_11: expected a label "V,N".*found \'cut\''):
        write_epic_submission(
            {'P01_11': [dict(label='cut', score=1.0, segment=[0, 1])]}, tmp_path / 's.json', **SLS
        )
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------- dispatch
def test_export_by_name(tmp_path):
    options = {'label-studio': dict(frame_rate=30), 'epic': SLS}
    names = {}
    for name in FORMATS:
        paths = export(EPIC, tmp_path, name, **options.get(name, {}))
        assert all(path.is_file() for path in paths)
        names[name] = [path.name for path in paths]
    assert names == {
        'activitynet': ['predictions.json'],
        'csv': ['predictions.csv'],
        'srt': ['P01_11.srt', 'P02_101.srt'],
        'vtt': ['P01_11.vtt', 'P02_101.vtt'],
        'label-studio': ['predictions.label-studio.json'],
        'epic': ['predictions.epic.json'],
    }


def test_export_stays_in_its_folder_and_refuses_collisions(tmp_path):
    folder = tmp_path / 'out'
    (path,) = export({'../../x y': []}, folder, 'srt')
    assert path.parent == folder and path.is_file()
    with pytest.raises(ValueError, match=r"videos 'a/b' and 'a\\\\b' would both be written"):
        export({'a/b': [], 'a\\b': []}, folder, 'vtt')
    with pytest.raises(ValueError, match='unknown format .xml.: expected one of activitynet, csv'):
        export({}, folder, 'xml')
