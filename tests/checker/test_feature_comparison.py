# SPDX-License-Identifier: Apache-2.0
"""Each fault that makes features differ from published ones is made, and named."""

import csv
from fractions import Fraction

import numpy as np
import pytest
import torch
from tool_modules import load_module

from tmx_plugin.apis import init_extractor
from tmx_plugin.checker.feature_comparison import compare_features, correlate
from tmx_plugin.errors import DataError
from tmx_plugin.features.storage import write_features


def smooth(length, channels, seed=0):
    """Non-negative features with memory, as those of overlapping clips: ``(T, C)``."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((length + 12, channels))
    kernel = np.hanning(9)[1:-1]
    rows = [np.convolve(column, kernel, 'valid')[:length] for column in noise.T]
    return np.maximum(np.stack(rows, axis=1), 0).astype(np.float32)


@pytest.fixture(scope='module')
def reference():
    return {f'video{i}': smooth(120 + 10 * i, 2048, i) for i in range(3)}


def faults(comparison):
    return [(finding.check, finding.message.split(':')[0]) for finding in comparison.findings]


def changed(reference, change):
    return {video: change(features) for video, features in reference.items()}


def test_the_same_features_are_the_same(reference):
    noise = np.random.default_rng(0)
    own = changed(reference, lambda x: x + 0.01 * noise.standard_normal(x.shape))
    own['video1'] = own['video1'][:-2]  # a shorter end is no fault
    own['only here'] = np.zeros((5, 2048))
    comparison = compare_features(changed(own, lambda x: np.where(x < 0.03, 0, x)), reference)
    assert comparison.findings == [] and comparison.videos == ['video0', 'video1', 'video2']
    assert [stream.name for stream in comparison.streams] == ['rgb', 'flow']
    for stream in comparison.streams:
        assert (stream.lag, stream.ratio, stream.matched) == (0, 1, stream.name)
        assert stream.median > 0.99 and stream.correlation.shape == (1024,)


def test_swapped_streams(reference):
    comparison = compare_features(changed(reference, lambda x: np.roll(x, 1024, axis=1)), reference)
    assert faults(comparison) == [('streams', 'rgb'), ('streams', 'flow')]
    assert "resembles the reference's flow" in comparison.findings[0].message


def test_half_a_clip_late(reference):
    own = changed(reference, lambda x: np.concatenate([x[:1], x[:1], x])[: len(x)])
    comparison = compare_features(own, reference, stride=4, clip_len=16)
    assert faults(comparison) == [('offset', 'rgb'), ('offset', 'flow')]
    assert comparison.streams[0].lag == 2
    assert '2 grid step(s) late, 8 frames, half a clip' in comparison.findings[0].message
    early = compare_features(changed(reference, lambda x: x[3:]), reference)
    assert early.streams[0].lag == -3 and 'early' in early.findings[0].message


@pytest.mark.parametrize('step, ratio', [(2, Fraction(1, 2)), (3, Fraction(1, 3))])
def test_another_stride(reference, step, ratio):
    own = changed(reference, lambda x: x[::step])
    comparison = compare_features(reference, own)
    assert {check for check, _ in faults(comparison)} == {'stride'}
    assert comparison.streams[0].ratio == 1 / ratio
    assert f'{step} features for one' in comparison.findings[0].message
    # The other way round what lies between is interpolated, hence not equal.
    fewer = compare_features(own, reference)
    assert ('stride', 'rgb') in faults(fewer) and fewer.streams[0].ratio == ratio


def test_channels_in_another_order(reference):
    order = np.random.default_rng(0).permutation(1024)
    own = changed(reference, lambda x: np.concatenate([x[:, order], x[:, 1024:]], axis=1))
    comparison = compare_features(own, reference)
    assert faults(comparison) == [('channel order', 'rgb')]


def test_another_scale_and_share_of_zeros(reference):
    comparison = compare_features(changed(reference, lambda x: 3 * x), reference)
    assert faults(comparison) == [('scale', 'rgb'), ('scale', 'flow')]
    assert '3.00 times' in comparison.findings[0].message
    comparison = compare_features(changed(reference, lambda x: x + 0.1), reference)
    assert faults(comparison) == [('zeros', 'rgb'), ('zeros', 'flow')]


def test_another_network(reference):
    other = {video: smooth(len(x), 2048, 90 + i) for i, (video, x) in enumerate(reference.items())}
    assert faults(compare_features(other, reference)) == [('network', 'rgb'), ('network', 'flow')]


@torch.no_grad()
def test_bgr_frames_and_another_flow():
    """Real networks, with random weights, see the same video in other colours."""
    torch.manual_seed(0)
    extractor = init_extractor('i3d_rgb')
    backbone = extractor.backbone.recognizer.backbone
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.weight.uniform_(0.5, 1.5)
            module.bias.uniform_(-0.1, 0.1)
    rng = np.random.default_rng(0)
    # As in real pictures, the colours of a pixel are much alike.
    grey, colors = (rng.uniform(0, 255, (1, count, 60, 2, 2)) for count in (1, 3))
    base = torch.from_numpy((0.7 * grey + 0.3 * colors).astype('f4'))
    frames = torch.nn.functional.interpolate(base, size=(120, 32, 32), mode='trilinear')
    rgb, bgr = (
        np.concatenate([extractor(video[:, :, i : i + 8]) for i in range(0, 110, 2)])
        for video in (frames, frames.flip(1))
    )
    flow = smooth(len(rgb), 1024)
    comparison = compare_features(
        dict(a=np.concatenate([bgr, flow], axis=1)), dict(a=np.concatenate([rgb, flow], axis=1))
    )
    stream = comparison.streams[0]
    assert 0.3 < stream.median < 0.98
    assert ('values', 'rgb') in faults(comparison) and len(comparison.findings) <= 3
    found = next(each for each in comparison.findings if each.check == 'values')
    assert 'BGR for RGB' in found.message and 'while flow agrees' in found.message
    noisy = flow + 0.5 * smooth(len(rgb), 1024, 5)
    comparison = compare_features(
        dict(a=np.concatenate([rgb, noisy], axis=1)), dict(a=np.concatenate([rgb, flow], axis=1))
    )
    assert 'another algorithm' in comparison.findings[0].message


def test_correlation_is_numpys():
    rng = np.random.default_rng(0)
    own, reference = rng.standard_normal((2, 50, 3))
    own[:, 2] = 1  # constant
    correlation, scale = correlate([(own[:20], reference[:20]), (own[20:], reference[20:])])
    for channel in (0, 1):
        expected = np.corrcoef(own[:, channel], reference[:, channel])[0, 1]
        np.testing.assert_allclose(correlation[channel], expected, rtol=1e-6)
    assert np.isnan(correlation[2]) and scale[2] == 0


def test_what_cannot_be_compared_is_refused(reference):
    with pytest.raises(DataError, match='no video is in both'):
        compare_features(dict(a=np.zeros((3, 4))), dict(b=np.zeros((3, 4))))
    with pytest.raises(DataError, match=r'have \[4, 5\] channels'):
        compare_features(dict(a=np.zeros((3, 4))), dict(a=np.zeros((3, 5))))


def test_tool_compares_two_folders(reference, tmp_path, repo, capsys):
    tool = load_module(repo / 'tools/data/check_dataset.py')
    info = dict(stride=4, clip_len=16)
    for video, features in reference.items():
        write_features(tmp_path / 'own' / f'{video}.npy', features[:-2], info)
        write_features(tmp_path / 'same' / f'{video}.npy', features, info)
        write_features(tmp_path / 'late' / f'{video}.npy', features[2:], info)
    assert tool.main([str(tmp_path / 'own'), '--against', str(tmp_path / 'same')]) == 0
    assert 'The features are the same' in capsys.readouterr().out
    table = tmp_path / 'channels.csv'
    assert (
        tool.main(
            [
                str(tmp_path / 'own'),
                '--against',
                str(tmp_path / 'late'),
                '--per-channel',
                str(table),
            ]
        )
        == 1
    )
    out = ' '.join(capsys.readouterr().out.split())
    assert 'rgb: 2 grid step(s) late, 8 frames, half a clip' in out
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 2048 and rows[1024]['stream'] == 'flow' and rows[5]['lag'] == '2'
    assert tool.main(['thumos_i3d', '--against', str(tmp_path / 'same')]) == 2
    assert 'data/thumos14/features/i3d' in capsys.readouterr().err
