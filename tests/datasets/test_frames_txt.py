# SPDX-License-Identifier: Apache-2.0
"""Frame-wise labels and start-end tables, as the data sets of action segmentation have them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmx_plugin.datasets.annotation_files import read_annotations
from tmx_plugin.datasets.formats import (
    FormatError,
    detect_format,
    listed_split,
    read_frames_txt,
    write_document,
)
from tmx_plugin.datasets.formats.frames_txt import read_mapping, runs


@pytest.fixture
def root(tmp_path):
    """Two videos in the layout of GTEA, 2 labels a second."""
    truth = tmp_path / 'groundTruth'
    truth.mkdir()
    (truth / 'S1_Tea.txt').write_text('background\nbackground\ntake\ntake\ntake\nstir\n')
    (truth / 'S2_Tea.txt').write_text('take\nbackground\nstir\nstir\n')
    (tmp_path / 'mapping.txt').write_text('0 take\n1 stir\n2 background\n')
    (tmp_path / 'test.bundle').write_text('S2_Tea.txt\n')
    return tmp_path


def read(root, **options):
    options = (
        dict(
            fps=2,
            mapping=root / 'mapping.txt',
            split=lambda names: listed_split(names, path=root / 'test.bundle'),
        )
        | options
    )
    return read_frames_txt([root / 'groundTruth'], **options)


def test_labels_a_frame(root):
    document = read(root)
    assert document.classes == ['take', 'stir']
    assert document.database['S1_Tea'] == dict(
        subset='training',
        duration=3.0,
        frame=6,
        fps=2.0,
        annotations=[
            dict(label='take', segment=[1.0, 2.5]),
            dict(label='stir', segment=[2.5, 3.0]),
        ],
    )
    assert document.database['S2_Tea']['subset'] == 'validation'
    assert document.notes == ['background labels left out: background (2)']


def test_written_document_is_read_back(root):
    document = read(root)
    write_document(document, root / 'out.json')
    videos = {video.video_id: video for video in read_annotations(root / 'out.json')}
    np.testing.assert_array_equal(videos['S1_Tea'].segments_sec, [[1.0, 2.5], [2.5, 3.0]])
    assert (root / 'classes.txt').read_text() == 'take\nstir\n'


def test_background_can_be_named(root):
    document = read(root, background=['stir'])
    assert document.classes == ['take', 'background']
    assert [item['label'] for item in document.database['S1_Tea']['annotations']] == [
        'background',
        'take',
    ]


def test_ids_become_names(root):
    (root / 'groundTruth' / 'S1_Tea.txt').write_text('2\n0\n1\n')
    labels = [item['label'] for item in read(root).database['S1_Tea']['annotations']]
    assert labels == ['take', 'stir']


@pytest.mark.parametrize(
    'times, fps, expected', [('frames', 10, [3.0, 6.5]), ('seconds', None, [30.0, 65.0])]
)
def test_start_end_table(tmp_path, times, fps, expected):
    path = tmp_path / 'Knot_B001.txt'
    path.write_text('30 65 G1\n65 90 pull left\n')
    document = read_frames_txt([path], fps=fps, times=times)
    first, second = document.database['Knot_B001']['annotations']
    assert first == dict(label='G1', segment=expected)
    assert second['label'] == 'pull left'
    assert document.database['Knot_B001']['duration'] == (9.0 if fps else 90.0)


@pytest.mark.parametrize(
    'change, options, words',
    [
        (
            {},
            dict(fps=None),
            r'S1_Tea.txt: video S1_Tea: expected the number of labels a second '
            r'\(--fps\), which the file does not hold, found none',
        ),
        (
            {'groundTruth/S1_Tea.txt': 'take\nfly\n'},
            {},
            "one of the 3 labels of .*mapping.txt, found 'fly'",
        ),
        (
            {'groundTruth/S1_Tea.txt': 'take\n\ntake\n'},
            {},
            'S1_Tea.txt:2: .*a label a line, found a blank',
        ),
        ({'mapping.txt': 'take 0\n'}, {}, 'mapping.txt:1: expected a line "id label"'),
        (
            {'mapping.txt': '0 take\n0 stir\n'},
            {},
            'mapping.txt:2: expected each id and each label once',
        ),
        ({'test.bundle': 'S9.txt\n'}, {}, 'expected videos that have .*found S9'),
        ({}, dict(fps=float('nan')), 'above 0, found nan'),
    ],
)
def test_refused(root, change, options, words):
    for name, text in change.items():
        (root / name).write_text(text)
    with pytest.raises(FormatError, match=words):
        read(root, **options)


def test_mapping_is_ordered_by_id(tmp_path):
    (tmp_path / 'm.txt').write_text('1 b\n0 a long name\n')
    assert read_mapping(tmp_path / 'm.txt') == {'0': 'a long name', '1': 'b'}


@given(st.lists(st.sampled_from('abc'), max_size=40))
def test_runs_give_the_labels_back(labels):
    found = runs(labels)
    assert [label for label, start, end in found for _ in range(start, end)] == labels
    assert all(a[0] != b[0] and a[2] == b[1] for a, b in zip(found, found[1:]))


def test_detected(root, tmp_path):
    assert detect_format(root / 'groundTruth') == 'frames-txt'
    assert detect_format(root / 'groundTruth' / 'S1_Tea.txt') == 'frames-txt'
    (tmp_path / 'Jump_val.txt').write_text('video_1 1 2\n')
    assert detect_format(tmp_path / 'Jump_val.txt') == 'thumos-txt'


def test_gtea_labels_made_from_segments_come_back(shared_data, tmp_path):
    """The real segments, written as labels a frame, give the very same segments."""
    content = json.loads((shared_data / 'gtea/annotations/split_1.json').read_text())
    truth, fps = tmp_path / 'groundTruth', 15
    truth.mkdir()
    for name, video in content['database'].items():
        labels = ['background'] * round(video['duration'] * fps)
        for item in video['annotations']:
            start, end = (round(x * fps) for x in item['segment'])
            labels[start:end] = [item['label']] * (end - start)
        (truth / f'{name}.txt').write_text('\n'.join(labels) + '\n')
    document = read_frames_txt([truth], fps=fps)
    count = 0
    for name, video in content['database'].items():
        expected = sorted((*item['segment'], item['label']) for item in video['annotations'])
        found = [
            (*item['segment'], item['label']) for item in document.database[name]['annotations']
        ]
        count += len(found)
        for one, other in zip(found, expected):
            assert one[2] == other[2]
            np.testing.assert_allclose(one[:2], other[:2], atol=1e-3)
    assert count == sum(len(video['annotations']) for video in content['database'].values())
