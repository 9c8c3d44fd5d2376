# SPDX-License-Identifier: Apache-2.0
"""Advice on legal settings that cost accuracy."""

import json

import numpy as np
import pytest

from tmx_plugin.checker.advice import (
    offset_findings,
    sampled_scales,
    scale_findings,
    window_findings,
)


def videos(length, stride=4, offset=8.0, fps=25.0, frames=None):
    frames = (length - 1) * stride + 2 * 8 if frames is None else frames
    return [
        dict(
            video_id='v',
            duration=frames / fps,
            fps=fps,
            feature_stride=stride,
            offset_frames=offset,
        )
    ], {'v': length}


@pytest.mark.parametrize(
    'offset, warned', [(8.0, False), (0.0, False), (12.0, False), (80.0, True)]
)
def test_offset(offset, warned):
    found = offset_findings(*videos(200, offset=offset))
    assert len(found) == warned
    if warned:
        assert 'offset_frames=80 puts the last features behind' in found[0].message
        assert 'the lengths fit an offset of about 7.0' in found[0].message
        assert '8 for clips of 16 frames' in found[0].message


def test_offset_of_features_of_single_frames():
    found = offset_findings(*videos(200, stride=1, offset=8.0, frames=200))
    assert '0.5 for clips of 1 frames' in found[0].message
    assert not offset_findings(*videos(200, stride=1, offset=0.5, frames=200))


def test_published_thumos_features_have_a_plausible_offset(shared_data):
    folder = shared_data / 'thumos14'
    content = json.loads((folder / 'i3d_stride4_feature_lengths.json').read_text())
    lengths = {name: video['feature_length'] for name, video in content.items()}
    database = json.loads((folder / 'thumos_14_anno.json').read_text())['database']
    infos = [
        dict(
            video_id=name,
            duration=video['duration'],
            fps=video['frame'] / video['duration'],
            feature_stride=4,
            offset_frames=8,
        )
        for name, video in database.items()
        if name in lengths
    ]
    assert len(infos) > 400
    assert not offset_findings(infos, lengths)
    assert offset_findings([dict(info, offset_frames=80) for info in infos], lengths)


def test_scales():
    assert not scale_findings(np.array([1.0, 2.0, 0.5, 0.0]))
    (found,) = scale_findings(np.array([0.3, 0.3, 0.3, 370.0]))
    assert 'from 0.3 to 370 (median 0.3)' in found.message
    assert 'fit_standardize.py' in found.message


@pytest.mark.parametrize(
    'length, window, warned',
    [(2304, 2304, False), (4000, 2304, False), (13169, 2304, True), (13169, None, False)],
)
def test_windows(length, window, warned):
    found = window_findings({'v': length}, window, group_norm=True)
    assert len(found) == warned
    if warned:
        assert 'sample_stride=6' in found[0].message and 'GroupNorm' in found[0].message


def test_scales_of_sampled_videos(tmp_path):
    for name in 'ab':
        np.save(tmp_path / f'{name}.npy', np.array([[0.0, 0.0, 1.0], [2.0, 20.0, 1.0]], np.float32))
    infos = [dict(video_id=name, feature_paths=[str(tmp_path / f'{name}.npy')]) for name in 'ab']
    assert sampled_scales(infos).tolist() == [1.0, 10.0, 0.0]
    assert sampled_scales(infos, channels=(1, 3)).tolist() == [10.0, 0.0]
    assert sampled_scales([]) is None
