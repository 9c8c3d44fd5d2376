# SPDX-License-Identifier: Apache-2.0
"""Mistakes in annotations, features and settings that TALDataset refuses."""

import json

import numpy as np
import pytest
from tal_files import FPS, build, rewrite, video

from tmx_plugin.datasets import DataError
from tmx_plugin.structures.video_time import VideoTime


def test_annotation_file_is_not_there(root):
    with pytest.raises(FileNotFoundError, match='b.json: annotation file not found'):
        build(root, ann_file='b.json')
    with pytest.raises(FileNotFoundError, match='c.txt: class list not found'):
        build(root, class_file='c.txt')
    with pytest.raises(FileNotFoundError, match='n.txt: block list'):
        build(root, block_list='n.txt')


def test_no_such_subset(root):
    with pytest.raises(
        DataError,
        match="a.json: expected videos of subset 'test', found only 'Training' or 'Validation'",
    ):
        build(root, subset='test')


def test_nothing_left(root):
    with pytest.raises(DataError, match="no video of subset 'training' is left"):
        build(root, block_list=['a', 'b', 'c'])
    with pytest.raises(DataError, match="none of the 1 videos of subset 'training' has a segment"):
        build(root, block_list=['a', 'b'])


def test_unknown_label(root):
    (root / 'classes.txt').write_text('run\n')
    with pytest.raises(
        DataError,
        match="a.json: video 'a': expected one of the 1 labels of .*classes.txt, found 'jump'",
    ):
        build(root)


def test_no_time_base(root):
    rewrite(root, b=dict(video('Training', ('run', 0, 1)), fps=None))
    with pytest.raises(DataError, match='video \'b\': expected "frame" or "fps"'):
        build(root)


def test_missing_features(root):
    for name in 'ac':
        (root / 'features' / f'{name}.npy').unlink()
    with pytest.raises(
        FileNotFoundError,
        match="features of 2 of 3 videos of subset 'training' "
        r"are not there: .*a.npy \(video 'a'\), .*c.npy"
        ".*missing='skip'",
    ):
        build(root)


def test_other_names_of_feature_files_are_suggested(root):
    for name in 'abc':
        (root / 'features' / f'{name}.npy').rename(root / 'features' / f'v_{name}_rgb.npy')
    with pytest.raises(
        FileNotFoundError,
        match="v_a_rgb.npy exists: try feature_prefix='v_', feature_suffix='_rgb.npy'",
    ):
        build(root)
    build(root, feature_prefix='v_', feature_suffix='_rgb.npy')


def test_width_differs(root):
    np.save(root / 'features' / 'b.npy', np.zeros((20, 4), np.float32))
    with pytest.raises(
        DataError,
        match=r'a.json: expected features of one width, found '
        r'3 \(a and 1 more\), 4 \(b\)',
    ):
        build(root)
    # (C, T) files of other lengths
    np.save(root / 'features' / 'a.npy', np.zeros((3, 20), np.float32))
    np.save(root / 'features' / 'b.npy', np.zeros((3, 30), np.float32))
    with pytest.raises(DataError, match="layout 'tc'; are they stored the other way round"):
        build(root)


def test_channels_that_the_files_lack(root):
    with pytest.raises(
        DataError,
        match="a.json: expected at least 9 channels to take 0:9 from, found 3 in video 'a'",
    ):
        build(root, channels=(0, 9))


def test_times_without_measure_stay_on_their_side(root):
    rewrite(root, a=video('Training', ('run', 1, 1e300)))
    info = build(root).get_data_info(0)
    start, end = VideoTime.of(info).to_frames(info['segments_sec'])[0].tolist()
    assert start == FPS < end


def test_damaged_file(root):
    path = root / 'features' / 'b.npy'
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="b.npy: video 'b': expected a whole .npy file"):
        build(root)


def test_lengths_disagree_with_durations(root):
    with pytest.raises(DataError, match='do not fit their duration.*feature_stride=4'):
        build(root, feature_stride=2)
    with pytest.raises(DataError, match='do not fit their duration.*fps=8'):
        build(root, fps=25)


@pytest.mark.parametrize(
    'said, message',
    [
        (dict(stride=8), 'extracted with stride 8, expected feature_stride 4'),
        (dict(clip_len=16), 'extracted with clip_len 16, expected 2 x offset_frames 8'),
        (dict(fps=30), 'extracted with fps 30, expected fps 8'),
        (dict(fps='8'), 'expected a positive number as "fps", found .8.'),
        ([8], 'expected an object, found list'),
    ],
)
def test_side_file_that_disagrees(root, said, message):
    (root / 'features' / 'a.json').write_text(json.dumps(said))
    with pytest.raises(DataError, match=f'a.json: .*{message}'):
        build(root)


def test_damaged_side_file(root):
    (root / 'features' / 'a.json').write_text('{"fps"')
    with pytest.raises(DataError, match='a.json: expected json .*cut off'):
        build(root)


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(layout='tcx'), "layout must be 'tc' or 'ct', not 'tcx'"),
        (dict(missing='ignore'), "missing must be 'error' or 'skip'"),
        (dict(cache='disk'), "cache must be 'none' or 'ram'"),
        (dict(feature_stride=0), 'feature_stride must be positive'),
        (dict(sample_stride=-1), 'sample_stride must be positive'),
        (dict(fps=0), 'fps must be positive'),
        (dict(fps=float('nan')), 'fps must be positive'),
        (dict(channels=(0, 1, 2)), 'channels must be two numbers'),
        (
            dict(data_prefix=dict(rgb='features', flow='f'), feature_suffix=dict(rgb='.npy')),
            "feature_suffix must have the keys of data_prefix, 'rgb' or 'flow', not 'rgb'",
        ),
    ],
)
def test_settings(root, kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(root, **kwargs)
