# SPDX-License-Identifier: Apache-2.0
"""Checks of data, function by function."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmx_plugin.checker.coverage import (
    coverage_findings,
    measure_coverage,
    suggest_ranges,
)
from tmx_plugin.datasets.annotation_files import read_annotations
from tmx_plugin.datasets.checks import (
    Finding,
    class_findings,
    length_findings,
    report_findings,
    segment_findings,
    stream_findings,
)
from tmx_plugin.datasets.checks.features import FeatureFacts, feature_findings, read_all
from tmx_plugin.datasets.checks.segment_checks import long_segment_findings
from tmx_plugin.datasets.errors import DataError
from tmx_plugin.structures.video_time import VideoTime

RANGES = [(0, 4), (4, 8), (8, 10000)]


def info(
    name='v', *segments, duration=100.0, fps=30.0, stride=4.0, offset=8.0, labels=None, paths=()
):
    return dict(
        video_id=name,
        duration=duration,
        fps=fps,
        num_frames=None,
        feature_stride=stride,
        offset_frames=offset,
        segments_sec=np.array(segments, dtype=np.float64).reshape(-1, 2),
        labels=np.array(labels if labels is not None else [0] * len(segments), dtype=np.int64),
        feature_paths=list(paths),
    )


def grid_info(*segments, length=64):
    """A video whose seconds are grid steps."""
    return info('v', *segments, duration=float(length), fps=1.0, stride=1.0, offset=0.0)


# ------------------------------------------------------------------ lengths


def lengths_at(infos, stride, offset=8.0, fps=None):
    times = {
        i['video_id']: VideoTime(stride, offset, fps or i['fps'], i['duration']) for i in infos
    }
    return {name: int(time.expected_length()) for name, time in times.items()}


@pytest.fixture
def videos():
    return [info(f'v{k}', duration=40.0 + 17 * k) for k in range(6)]


def test_right_lengths_are_silent(videos):
    assert length_findings(videos, lengths_at(videos, 4)) == []
    assert length_findings(videos, {}) == [] and length_findings([], {}) == []


@pytest.mark.parametrize(
    'real, words',
    [
        (dict(stride=8), 'feature_stride=8 or fps=15 would fit'),
        (dict(stride=16), 'feature_stride=16 would fit'),
        (dict(stride=4, fps=25.0), 'fps=25 would fit'),
        (dict(stride=4, fps=60.0), 'feature_stride=2 or fps=60 would fit'),
    ],
)
def test_wrong_geometry_is_an_error_that_says_what_fits(videos, real, words):
    (finding,) = length_findings(videos, lengths_at(videos, **real))
    assert finding.level == 'error' and words in finding.message
    assert 'the features of 6 of 6 videos' in finding.message
    assert "video 'v" in finding.message and 'expected about' in finding.message


def test_sample_stride_is_taken_out_of_the_advice(videos):
    for video in videos:
        video['feature_stride'] = 8.0  # 4 in the file, every second row
    (finding,) = length_findings(videos, lengths_at(videos, 16), sample_stride=2)
    assert 'feature_stride=8 or fps=15 would fit' in finding.message


def test_single_videos_are_a_warning(videos):
    lengths = lengths_at(videos, 4)
    lengths['v3'] //= 3
    (finding,) = length_findings(videos, lengths)
    assert finding.level == 'warning' and finding.items == ['v3']


@pytest.mark.parametrize('said, real', [(24.0, 25.0), (25.0, 24.0), (50.0, 48.0)])
def test_a_rate_that_is_wrong_by_little_is_a_warning(videos, said, real):
    for video in videos:
        video['fps'] = said
    (finding,) = length_findings(videos, lengths_at(videos, 4, fps=real))
    assert finding.level == 'warning' and 'of 6 with more than 100 features' in finding.message
    assert f'fps={real:.4g} (now {said:.4g}) or feature_stride=' in finding.message
    assert length_findings(videos[:4], lengths_at(videos, 4, fps=real)) == []  # too few to tell


@given(
    st.sampled_from([1, 4, 8, 16]),
    st.sampled_from([0.0, 8.0, 16.0]),
    st.lists(st.floats(30, 300), min_size=5, max_size=9),
)
def test_conventions_at_the_ends_of_videos_are_no_wrong_rate(stride, offset, durations):
    infos = [
        info(f'v{k}', duration=x, stride=stride, offset=offset) for k, x in enumerate(durations)
    ]
    assert length_findings(infos, lengths_at(infos, stride, offset)) == []
    padded = {video['video_id']: -(-int(video['duration'] * 30) // stride) for video in infos}
    assert not [x for x in length_findings(infos, padded) if 'median' in x.message]


def test_resized_swapped_and_hopeless_lengths(videos):
    (finding,) = length_findings(videos, {video['video_id']: 100 for video in videos})
    assert 'resized to one length' in finding.message
    lengths = lengths_at(videos, 4)
    for odd in (dict.fromkeys(lengths, 32), {name: 30 + k for k, name in enumerate(lengths)}):
        (finding,) = length_findings(videos, odd, widths=lengths)
        assert "stored as (C, T): try layout='ct'" in finding.message
        (finding,) = length_findings(videos, odd, widths=lengths, layout='ct')
        assert "stored as (T, C): try layout='tc'" in finding.message
    (finding,) = length_findings(videos, {name: 5 + 977 * k for k, name in enumerate(lengths)})
    assert 'No single feature_stride or fps would fit' in finding.message
    assert length_findings(videos[:1], {'v0': 1})[0].level == 'error'


def test_published_thumos_lengths_fit(shared_data):
    folder = shared_data / 'thumos14'
    lengths = {
        name: item['feature_length']
        for name, item in json.loads(
            (folder / 'i3d_stride4_feature_lengths.json').read_text()
        ).items()
    }
    infos = [
        info(video.video_id, duration=video.duration, fps=video.num_frames / video.duration)
        for video in read_annotations(folder / 'thumos_14_anno.json')
    ]
    assert len(lengths) == len(infos) == 413
    assert length_findings(infos, lengths) == []
    for item in infos:
        item['feature_stride'] = 16.0
    (finding,) = length_findings(infos, lengths)
    assert '413 of 413' in finding.message and 'feature_stride=4 or' in finding.message


def test_files_of_one_video_that_differ_in_length():
    assert stream_findings({'a': [400, 390], 'b': [7, 5], 'c': [9]}) == []
    (finding,) = stream_findings({'a': [400, 390], 'b': [400, 370], 'c': [90, 200]})
    assert finding.level == 'warning' and finding.items == ['b', 'c']
    assert "found 90 and 200 features of video 'c'" in finding.message


# ------------------------------------------------------------------ segments and classes


def test_odd_segments():
    video = grid_info((5, 5), (9, 8), (64, 70), (60, 66), (60, 64.5), (3, 3.4), (0, 40), (1, 2))
    found = [
        (f.message.split(' segments ')[0], f.message.split(' segments ')[1].split(' (in')[0])
        for f in [*segment_findings([video]), *long_segment_findings([video], 16)]
    ]
    assert found == [
        ('2 of 8', 'end at or before their start'),
        ('1 of 8', 'start at or after the end of their video'),
        ('1 of 8', 'end more than a grid step after their video'),
        ('1 of 8', 'are shorter than one grid step'),
        ('1 of 8', 'are longer than the largest regression range reaches (32 grid steps)'),
    ]
    assert segment_findings([grid_info((1, 3)), info('empty')]) == []


def test_classes_without_segments():
    videos = [info('a', (0, 1), (0, 1), labels=[0, 2])]
    (finding,) = class_findings(videos, ['x', 'y', 'z', 'w'], 'train')
    assert finding.items == ['y', 'w'] and 'they cannot be learnt' in finding.message
    (finding,) = class_findings(videos, ['x', 'y', 'z'], 'test')
    assert '1 of 3 classes' in finding.message and 'it does not count in mAP' in finding.message
    assert class_findings(videos, ['x'], 'train') == []
    assert class_findings([], ['x'], 'train')[0].items == ['x']


def test_report_raises_errors_and_goes_on_with_warnings():
    report_findings([Finding('warning', 'a', 'careful')], 'file.json')
    with pytest.raises(DataError, match='file.json: wrong'):
        report_findings([Finding('warning', 'a', 'b'), Finding('error', 'c', 'wrong')], 'file.json')


# ------------------------------------------------------------------ features


@pytest.fixture
def files(tmp_path):
    def save(**arrays):
        infos = []
        for name, array in arrays.items():
            np.save(tmp_path / f'{name}.npy', array)
            infos.append(info(name, paths=[str(tmp_path / f'{name}.npy')]))
        return infos

    return save


def test_features(files):
    good = np.ones((10, 3), np.float32)
    bad = good.copy()
    bad[2, 1], bad[9, 0] = np.nan, -np.inf
    infos = files(a=good, b=bad, c=np.zeros((7, 3), np.float16), d=np.ones((5, 3), np.int32))
    facts = read_all(infos, sample_stride=2)
    assert facts.lengths == {'a': 5, 'b': 5, 'c': 4, 'd': 3}
    assert set(facts.widths.values()) == {3}
    assert facts.not_finite == {'b': 2} and facts.zero == ['c'] and facts.damaged == {}
    errors = [f for f in feature_findings(facts, expected_width=3) if f.level == 'error']
    assert len(errors) == 1 and "found 2 others in video 'b'" in errors[0].message
    assert read_all(infos, values=False).not_finite == {}


def test_damaged_and_pickled_features_are_reported_not_run(files, tmp_path):
    infos = files(a=np.ones((10, 3), np.float32), b=np.ones((10, 3), np.float32))
    path = tmp_path / 'a.npy'
    path.write_bytes(path.read_bytes()[:-7])
    np.save(tmp_path / 'b.npy', np.array([{'x': 1}], dtype=object), allow_pickle=True)
    facts = read_all(infos)
    assert sorted(facts.damaged) == ['a', 'b']
    (finding,) = feature_findings(facts)
    assert finding.level == 'error' and 'a.npy' in finding.message


@pytest.mark.parametrize(
    'widths, expected, channels, words',
    [
        ({'a': 3, 'b': 3}, 4, None, 'of 4 channels (model.neck.in_channels), found 3'),
        ({'a': 3, 'b': 3, 'c': 5}, 3, None, 'of one width, found 3 (a and 1 more), 5 (c)'),
        ({'a': 3}, 8, (0, 8), 'at least 8 channels to take 0:8 from, found 3'),
        ({'a': 8}, 8, (0, 4), 'of 8 channels (model.neck.in_channels), found 4'),
    ],
)
def test_widths(widths, expected, channels, words):
    (finding,) = feature_findings(
        FeatureFacts(widths=widths), expected_width=expected, channels=channels
    )
    assert words in finding.message


# ------------------------------------------------------------------ assignment


def slow_coverage(segments, length, ranges, radius=1.5):
    """By the definition, point by point."""
    matched, positive = set(), 0
    for level, (low, high) in enumerate(ranges):
        stride = 2**level
        for t in range(0, length, stride):
            fit = []
            for g, (start, end) in enumerate(segments):
                center = (start + end) / 2
                inside = (
                    max(start, center - radius * stride) < t < min(end, center + radius * stride)
                )
                if inside and low <= max(t - start, end - t) <= high:
                    fit.append((end - start, g))
            if fit:
                shortest = min(fit)[0]
                matched |= {(g, level) for size, g in fit if size <= shortest + 1e-3}
                positive += 1
    return matched, positive


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40)), max_size=6), st.integers(20, 64))
def test_coverage_by_definition(pieces, length):
    segments = [(start, start + size) for start, size in pieces]
    coverage = measure_coverage([grid_info(*segments, length=length)], {'v': length}, RANGES)
    matched, positive = slow_coverage(segments, length, RANGES)
    assert coverage.matched.tolist() == [
        any((g, level) in matched for level in range(3)) for g in range(len(segments))
    ]
    assert coverage.per_level == [sum(level == at for _, at in matched) for level in range(3)]
    assert coverage.positive_points == positive
    assert coverage.points == sum(-(-length // 2**level) for level in range(3))


def test_coverage_leaves_out_videos_of_unknown_length():
    assert len(measure_coverage([grid_info((1, 5))], {}, RANGES).matched) == 0
    assert coverage_findings(measure_coverage([], {}, RANGES), [], {}) == []


@pytest.mark.parametrize(
    'half, expected',
    [
        ([2.0] * 100, [(0, 4), (4, 10000)]),
        ([], [(0, 4), (4, 10000)]),
        ([3.0, 60.0, 100.0], [(0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000)]),
    ],
)
def test_suggested_ranges(half, expected):
    assert suggest_ranges(np.array(half)) == expected


def test_advice_for_ranges_that_miss_the_segments():
    video = grid_info(*[(10 * k, 10 * k + 9) for k in range(6)])
    bad = [(0, 1), (1, 2), (2, 3)]
    coverage = measure_coverage([video], {'v': 64}, bad)
    findings = coverage_findings(coverage, [video], {'v': 64})
    assert [f.level for f in findings] == ['error', 'warning', 'advice']
    assert '6 of 6 segments get no positive point' in findings[0].message
    assert 'regression_ranges=[(0, 4), (4, 10000)]' in findings[2].message
    assert '100.0% of the segments' in findings[2].message
    good = measure_coverage([video], {'v': 64}, [(0, 4), (4, 10000)])
    assert good.matched.all() and good.per_level == [0, 6]
    levels = [f.level for f in coverage_findings(good, [video], {'v': 64})]
    assert 'error' not in levels


def test_advice_for_segments_too_long_or_too_short():
    long = grid_info(*[(0, 500 + k) for k in range(10)], length=512)
    coverage = measure_coverage([long], {'v': 512}, RANGES)
    messages = [f.message for f in coverage_findings(coverage, [long], {'v': 512})]
    assert any('longer than 16 strides of the last level (64 grid steps)' in m for m in messages)
    short = grid_info(*[(k, k + 1) for k in range(10)])
    coverage = measure_coverage([short], {'v': 64}, [(0, 4)])
    assert any(
        'features at a smaller stride' in f.message
        for f in coverage_findings(coverage, [short], {'v': 64})
    )
