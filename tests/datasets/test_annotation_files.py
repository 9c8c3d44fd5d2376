# SPDX-License-Identifier: Apache-2.0
"""Annotation files: real ones, broken ones, class lists and names of subsets."""

import json

import numpy as np
import pytest

from tmx_plugin.datasets.annotation_files import (
    match_subsets,
    read_annotations,
    read_class_list,
    sorted_labels,
)
from tmx_plugin.datasets.errors import DataError
from tmx_plugin.datasets.formats import detect_format

VIDEO = dict(
    subset='training',
    duration=10.5,
    frame=315,
    fps=30,
    annotations=[
        dict(label='run', segment=[0, 1.5], label_id=3),
        dict(label='jump', segment=[2, 3]),
    ],
)


def write(path, database):
    path.write_text(json.dumps(dict(version='1', database=database)))
    return path


def test_reads_values(tmp_path):
    (video,) = read_annotations(write(tmp_path / 'a.json', dict(v=VIDEO)))
    assert (video.video_id, video.subset, video.duration) == ('v', 'training', 10.5)
    assert (video.num_frames, video.fps) == (315, 30.0)
    np.testing.assert_array_equal(video.segments_sec, [[0, 1.5], [2, 3]])
    assert video.segments_sec.dtype == np.float64
    assert video.labels == ('run', 'jump')


@pytest.mark.parametrize('annotations', [{}, dict(annotations=[])])
def test_video_without_segments(tmp_path, annotations):
    entry = dict(subset='test', duration=1, **annotations)
    (video,) = read_annotations(write(tmp_path / 'a.json', dict(v=entry)))
    assert video.segments_sec.shape == (0, 2)
    assert video.num_frames is None and video.fps is None


def test_published_oddities_are_read(tmp_path):
    odd = [dict(label='x', segment=s) for s in ([3, 3], [5, 4], [100, 200])]
    (video,) = read_annotations(write(tmp_path / 'a.json', dict(v=dict(VIDEO, annotations=odd))))
    assert len(video.labels) == 3


BAD_VIDEOS = {
    'no dict': ([], 'an object with "subset"'),
    'no subset': (dict(VIDEO, subset=None), 'a string as "subset"'),
    'no duration': ({k: v for k, v in VIDEO.items() if k != 'duration'}, 'a positive number'),
    'zero duration': (dict(VIDEO, duration=0), 'a positive number of seconds.*found 0'),
    'negative duration': (dict(VIDEO, duration=-3), 'a positive number of seconds.*found -3'),
    'nan duration': (dict(VIDEO, duration=float('nan')), 'a positive number.*found nan'),
    'text duration': (dict(VIDEO, duration='10'), "a positive number.*found '10'"),
    'true duration': (dict(VIDEO, duration=True), 'a positive number.*found True'),
    'huge duration': (dict(VIDEO, duration=10**400), 'a positive number'),
    'zero frame': (dict(VIDEO, frame=0), 'a positive number as "frame", if any, found 0'),
    'part of a frame': (dict(VIDEO, frame=0.5), 'a positive number as "frame"'),
    'negative fps': (dict(VIDEO, fps=-1), 'a positive number as "fps"'),
    'annotations': (dict(VIDEO, annotations={}), 'a list as "annotations"'),
    'item': (dict(VIDEO, annotations=['run']), '.* a string as "label"'),
    'label': (dict(VIDEO, annotations=[dict(label=3, segment=[0, 1])]), '.* a string as "label"'),
}
BAD_SEGMENTS = [
    None,
    [1],
    [1, 2, 3],
    ['0', '1'],
    [None, 1],
    [-0.5, 1],
    [0, float('nan')],
    [float('inf'), 1],
    {'0': 1},
    '12',
    [True, 2],
]


@pytest.mark.parametrize('video, message', BAD_VIDEOS.values(), ids=BAD_VIDEOS)
def test_refuses_bad_videos(tmp_path, video, message):
    path = write(tmp_path / 'a.json', dict(good=VIDEO, bad=video))
    with pytest.raises(DataError, match=f"video 'bad': expected {message}") as caught:
        read_annotations(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize('segment', BAD_SEGMENTS, ids=str)
def test_refuses_bad_segments(tmp_path, segment):
    bad = dict(VIDEO, annotations=[dict(label='run', segment=segment)])
    path = write(tmp_path / 'a.json', dict(good=VIDEO, bad=bad))
    with pytest.raises(DataError, match='video \'bad\': expected a "segment" of two finite') as err:
        read_annotations(path)
    assert repr(segment) in str(err.value)


@pytest.mark.parametrize(
    'text, message',
    [
        ('', 'expected content, found an empty file'),
        ('{"database": {"v": {"sub', 'expected json .Unterminated string'),
        ('<html>', 'expected json .*found .<html>'),
        ('[' * 100_000, 'expected json, found maximum recursion'),
        ('{"database": ' + '1' * 5000 + '}', 'expected json, found Exceeds the limit|found keys'),
        ('{"database": {"v": {}, "v": {}}}', "each key once in an object, found 'v' twice"),
        ('[]', 'found list'),
        ('{"results": {}, "version": 1}', "found keys 'results', 'version'"),
        ('{"database": []}', "found keys 'database'"),
        ('{"database": {}}', 'at least one video, found an empty'),
    ],
)
def test_refuses_other_files(tmp_path, text, message):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_annotations(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    'name, text, detected',
    [
        ('a.csv', 'video,start,end,label\nv,0,1,run\n', 'csv'),
        ('a.json', '[{"data": {"video": "v.mp4"}}]', 'label-studio'),
        ('a_val.txt', 'video_validation_0000266  72.80 76.40\n', 'thumos-txt'),
    ],
)
def test_other_formats_are_recognized(tmp_path, name, text, detected):
    (tmp_path / name).write_text(text)
    assert detect_format(tmp_path / name) == detected
    with pytest.raises(DataError, match='convert it first: tools/data/convert_annotations.py auto'):
        read_annotations(tmp_path / name)


def test_refuses_binary_files(tmp_path):
    (tmp_path / 'a.json').write_bytes(b'\x80\x04\x95')
    with pytest.raises(DataError, match='a.json: expected text in UTF-8, found byte 0x80'):
        read_annotations(tmp_path / 'a.json')


def test_missing_file_gives_the_hint(tmp_path):
    with pytest.raises(FileNotFoundError, match='a.json: annotation file not found. Get it'):
        read_annotations(tmp_path / 'a.json', 'Get it there.')
    with pytest.raises(FileNotFoundError, match='c.txt: class list not found .*. Get it'):
        read_class_list(tmp_path / 'c.txt', 'Get it there.')


def test_class_list(tmp_path):
    path = tmp_path / 'c.txt'
    path.write_bytes(b'\xef\xbb\xbfHigh Jump\r\nrun \n\n')
    assert read_class_list(path) == ('High Jump', 'run')
    for text, message in (
        ('', 'an empty file'),
        ('a\n\nb', 'line 2 blank'),
        ('a\nb\na', "found 'a' more than once"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_class_list(path)
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(DataError, match='UTF-8'):
        read_class_list(path)


def test_sorted_labels_leave_out_ambiguous(tmp_path):
    names = ['b', 'Ambiguous', 'a', 'b']
    video = dict(VIDEO, annotations=[dict(label=x, segment=[0, 1]) for x in names])
    assert sorted_labels(read_annotations(write(tmp_path / 'a.json', dict(v=video)))) == ('a', 'b')


@pytest.mark.parametrize(
    'wanted, available, found',
    [
        (['training'], ['training', 'validation'], ['training']),
        (['train'], ['Training', 'Validation'], ['Training']),
        (['VAL', 'test'], ['validation', 'Test', 'train'], ['Test', 'validation']),
        (['train'], ['train', 'training'], ['train']),  # an exact name goes first
        (['test'], ['training', 'validation'], []),
        (['trainval'], ['train', 'val'], []),
    ],
)
def test_match_subsets(wanted, available, found):
    assert match_subsets(wanted, available) == found


REAL = {
    # file: ({subset: (videos, segments without 'Ambiguous')}, classes)
    'thumos14/thumos_14_anno.json': (dict(training=(200, 3007), validation=(213, 3358)), 20),
    'thumos14/thumos14_actionformer_style.json': (
        dict(Validation=(200, 3007), Test=(212, 3358)),
        20,
    ),
    'multithumos/multithumos_actionformer_style.json': (
        dict(Validation=(200, 18482), Test=(212, 20186)),
        65,
    ),
    'multithumos/tiny20_opentad_style.json': (dict(training=(10, None), validation=(10, None)), 31),
}


@pytest.mark.parametrize('name', REAL)
def test_counts_of_real_files(shared_data, name):
    subsets, num_classes = REAL[name]
    videos = read_annotations(shared_data / name)
    assert {v.subset for v in videos} == set(subsets)
    assert len(sorted_labels(videos)) == num_classes
    for subset, (num_videos, num_segments) in subsets.items():
        some = [v for v in videos if v.subset == subset]
        assert len(some) == num_videos
        if num_segments:
            assert sum(x != 'Ambiguous' for v in some for x in v.labels) == num_segments


@pytest.mark.parametrize('share', [0.1, 0.5, 0.999])
def test_refuses_real_files_cut_short(shared_data, tmp_path, share):
    whole = (shared_data / 'thumos14/thumos_14_anno.json').read_text()
    path = tmp_path / 'thumos14.json'
    path.write_text(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match='incomplete download'):
        read_annotations(path)
