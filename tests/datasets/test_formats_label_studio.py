# SPDX-License-Identifier: Apache-2.0
"""Reader of Label Studio's time-line export."""

import json
import math

import pytest

from tmx_plugin.datasets import formats
from tmx_plugin.datasets.errors import DataError
from tmx_plugin.exporters.label_studio_predictions import write_label_studio


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def task(name, *results, **more):
    return {
        'data': {'video': f'/data/upload/1/0a1b2c3d-{name}.mp4'},
        'annotations': [
            {
                'result': [
                    {
                        'from_name': 'l',
                        'to_name': 'video',
                        'type': 'timelinelabels',
                        'value': {'ranges': [{'start': a, 'end': b}], 'timelinelabels': labels},
                    }
                    for a, b, labels in results
                ],
                **more,
            }
        ],
    }


def test_label_studio(tmp_path):
    second = task('b', (1, 24, ['x', 'y']))
    second['annotations'].append({'was_cancelled': True, 'result': []})
    second['annotations'][0]['result'].append({'type': 'choices', 'value': {}})
    path = write(
        tmp_path / 'ls.json',
        [task('a', (25, 48, ['x'])), second, {'data': {'video': 'c.mp4'}, 'annotations': []}],
    )
    videos = formats.VideoInfo([write(tmp_path / 'd.json', {'a': 9, 'b': 8})])
    document = formats.read_label_studio([path], fps=24, videos=videos)
    # Frame 1 starts at 0 s, and the last frame is part of the range.
    assert document.database['a']['annotations'] == [{'label': 'x', 'segment': [1.0, 2.0]}]
    assert [item['label'] for item in document.database['b']['annotations']] == ['x', 'y']
    assert document.database['b']['annotations'][0]['segment'] == [0.0, 1.0]
    assert document.notes == [
        "results that are no segments were left out: 1 of type 'choices'",
        '1 tasks without an annotation were skipped: c',
    ]


@pytest.mark.parametrize(
    'key, kind', [('audio', 'labels'), ('video', 'labels'), ('csv', 'timeserieslabels')]
)
def test_times_in_seconds_need_no_frame_rate(tmp_path, key, kind):
    path = write(
        tmp_path / 'ls.json',
        [
            {
                'data': {key: 'P01/a.mp4'},
                'annotations': [
                    {
                        'result': [
                            {
                                'type': kind,
                                'value': {'start': 1.25, 'end': 2.5, kind: ['x'], 'channel': 0},
                            }
                        ]
                    }
                ],
            }
        ],
    )
    videos = formats.VideoInfo([write(tmp_path / 'd.json', {'P01/a': 9, 'P01/a.mp4': 9})])
    document = formats.read_label_studio([path], videos=videos)
    assert document.database['P01/a']['annotations'] == [{'label': 'x', 'segment': [1.25, 2.5]}]


def test_exports_without_segments_are_refused_with_types_and_counts(tmp_path):
    path = write(
        tmp_path / 'ls.json',
        [
            {
                'data': {'video': 'a.mp4'},
                'annotations': [
                    {
                        'result': [
                            {'type': 'videorectangle', 'value': {}},
                            {'type': 'videorectangle', 'value': {}},
                        ]
                    }
                ],
            }
        ],
    )
    videos = formats.VideoInfo([write(tmp_path / 'd.json', {'a': 9})])
    with pytest.raises(DataError, match="found only 2 of type 'videorectangle'"):
        formats.read_label_studio([path], videos=videos, fps=24)


@pytest.mark.parametrize(
    'result',
    [
        7,
        [7],
        [{'type': 'labels', 'value': 7}],
        [{'type': 'labels', 'value': {'start': '1', 'end': 2, 'labels': ['x']}}],
    ],
)
def test_results_of_wrong_types_are_refused(tmp_path, result):
    path = write(
        tmp_path / 'ls.json', [{'data': {'video': 'a.mp4'}, 'annotations': [{'result': result}]}]
    )
    videos = formats.VideoInfo([write(tmp_path / 'd.json', {'a': 9})])
    with pytest.raises(DataError, match='ls.json'):
        formats.read_label_studio([path], videos=videos, fps=24)


def test_label_studio_predictions_on_request(tmp_path):
    # What the project's own exporter writes: (a - 1) / rate to b / rate.
    detections = {'a': [{'label': 'x', 'score': 0.5, 'segment': [1.0, 2.5]}]}
    path = write_label_studio(
        detections, tmp_path / 'ls.json', frame_rate=24, video_urls={'a': 'http://host/a.mp4'}
    )
    options = dict(fps=24, videos=formats.VideoInfo([write(tmp_path / 'd.json', {'a': 9})]))
    document = formats.read_label_studio([path], predictions=True, **options)
    assert document.database['a']['annotations'] == [{'label': 'x', 'segment': [1.0, 2.5]}]
    with pytest.raises(DataError, match='at least one task with an annotation'):
        formats.read_label_studio([path], **options)


@pytest.mark.parametrize(
    'content, message',
    [
        ({'tasks': []}, 'a list of tasks, found dict'),
        ([], 'a list of tasks, found none'),
        ([{'data': {}}], r'data.video \(or audio, .*\) in task 0'),
        ([{'data': {'video': 'a.mp4'}, 'annotations': 3}], 'video a: .*annotations'),
        ([{'data': {'video': 'a.mp4'}}], 'at least one task with an annotation'),
        ([task('a', (0, 5, ['x']))], 'frames counted from 1'),
        ([task('a', ('1', 5, ['x']))], 'a range with start and end in frames'),
        ([task('a', (9, 5, ['x']))], 'end is not before its start'),
        ([task('a', (1, 5, [None]))], 'a label'),
        ([task('a', (1, math.nan, ['x']))], 'a range with start and end in frames'),
        ([task('a', (1, 10**400, ['x']))], 'a range with start and end in frames'),
        ([task('a', (1, 5, ['x'])), task('a', (1, 5, ['x']))], 'one task a video'),
    ],
)
def test_label_studio_errors(tmp_path, content, message):
    path = write(tmp_path / 'ls.json', content)
    videos = formats.VideoInfo([write(tmp_path / 'd.json', {'a': 9})])
    with pytest.raises(DataError, match=message) as error:
        formats.read_label_studio([path], fps=24, videos=videos)
    assert 'ls.json' in str(error.value)


def test_names_in_urls_are_decoded(tmp_path):
    path = write(tmp_path / 'ls.json', [task('my%20caf%C3%A9', (1, 24, ['x']))])
    videos = formats.VideoInfo([write(tmp_path / 'd.json', {'my café': 9})])
    assert list(formats.read_label_studio([path], fps=24, videos=videos).database) == ['my café']
