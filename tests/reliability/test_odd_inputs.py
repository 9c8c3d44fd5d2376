# SPDX-License-Identifier: Apache-2.0
"""Odd lists of videos and names too long to draw: refused in words, or shortened and said."""

import json
import os

import numpy as np
import pytest
import torch

from tmx_plugin.datasets.feature_io import read_features
from tmx_plugin.datasets.feature_values import ValueCheck, find_bad_values
from tmx_plugin.errors import ConfigError, DataError, FormatError
from tmx_plugin.features.storage import find_files
from tmx_plugin.utils.files import describe_cut_name, file_name
from tmx_plugin.visualization.layout import shorten, text_width
from tmx_plugin.visualization.thresholds import read_thresholds


@pytest.mark.parametrize(
    'content, words',
    [
        (b'', 'expected a path in each line, found an empty list'),
        (b'\n \n', 'expected a path in each line, found an empty list'),
        (bytes(range(1, 256)), 'expected text in UTF-8, found byte 0x80 at position 127'),
        ('v.npy'.encode('utf-16'), 'expected text in UTF-8, found byte 0xff at position 0'),
        (b'a\0b.npy\n', 'expected text in UTF-8, found byte 0x00 at position 1'),
    ],
)
def test_lists_that_are_none(tmp_path, content, words):
    path = tmp_path / 'list.txt'
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        find_files(path)
    assert str(caught.value) == f'{path}: {words}'


def test_what_a_list_cannot_mean_fails_alone(tiny, capsys):
    os.mkfifo(tiny.root / 'pipe.npy')
    (tiny.root / 'list.txt').write_text(f'features/v0.npy\npipe.npy\n/dev/zero\n{"x" * 5000}.npy\n')
    arguments = [tiny.root / 'list.txt', tiny.config, tiny.weights(), '--out', tiny.root / 'out']
    arguments += ['--fps', '8', '--device', 'cpu']
    assert tiny.tool('infer.py').main([*map(str, arguments)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert 'pipe: FAILED: pipe.npy: no such file' in lines
    assert 'zero: FAILED: /dev/zero: no such file (it is no regular file)' in lines
    assert any(line.startswith('xxx') and 'name too long' in line for line in lines)
    found = json.loads((tiny.root / 'out/predictions.json').read_text())['results']
    assert list(found) == ['v0']


@pytest.mark.parametrize('width', [0.05, 0.5, 1.0, 3.0])
@pytest.mark.parametrize('text', ['run', 'handstand pushups in the gym', 'l' * 10_000])
def test_shortened_to_the_width_and_no_more(text, width):
    short = shorten(text, 9, width)
    if short != text:
        head, tail = short.split('…')
        assert text.startswith(head) and text.endswith(tail) and 0 <= len(head) - len(tail) <= 1
        longer = f'{text[: len(head) + 1]}…{text[len(text) - len(tail) - 1 :]}'
        assert text_width(longer, 9) > width
    assert short == '…' or text_width(short, 9) <= width


def test_timeline_of_names_too_long_to_draw_and_for_files(tiny, capsys):
    video, label = 'n' * 3000, 'l' * 10_000
    results = {video: [dict(label=label, segment=[1, 4], score=0.5)]}
    database = {
        video: dict(
            subset='test', duration=9.0, annotations=[dict(label=label, segment=[1.0, 4.0])]
        )
    }
    (tiny.root / 'p.json').write_text(json.dumps(dict(results=results)))
    (tiny.root / 'a.json').write_text(json.dumps(dict(database=database)))
    arguments = [str(tiny.root / name) for name in ('p.json', 'a.json')]
    plot = tiny.tool('analysis/plot_timeline.py')
    assert plot.main([*arguments, '--out', str(tiny.root / 'out')]) == 0
    path = tiny.root / 'out' / f'{file_name(video)}.png'
    assert path.is_file() and capsys.readouterr().out == (
        f'{path} (the name of video {"n" * 40}… is too long for files; they are called '
        f'{file_name(video)})\n'
    )
    assert describe_cut_name('a/b') == ''


@pytest.mark.parametrize('layout', ['tc', 'ct'])
@pytest.mark.parametrize('suffix', ['.npy', '.npz', '.pt'])
def test_zeros_for_bad_values_leave_the_rest_of_a_file_mapped(tmp_path, suffix, layout):
    path = tmp_path / f'x{suffix}'
    stored = np.arange(20_000, dtype=np.float32).reshape(200, 100)
    stored[[3, 150], [7, 99]] = np.nan, 1e30
    if suffix == '.npy':
        np.save(path, stored)
    elif suffix == '.npz':
        np.savez(path, stored)
    else:
        torch.save(torch.from_numpy(stored), path)
    before, check = path.read_bytes(), ValueCheck('zero', 1)
    expected = np.where(np.abs(stored) < 1e20, stored, 0)
    searches = []
    for _ in range(3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                'tmx_plugin.datasets.feature_values.find_bad_values',
                lambda array: searches.append(1) or find_bad_values(array),
            )
            array = check(read_features(path, layout), path, 'v', 0)
        np.testing.assert_array_equal(array, expected if layout == 'tc' else expected.T)
        if suffix == '.npy':
            assert isinstance(array.base, np.memmap) and array.base.mode == 'c'
    assert len(searches) == 1 and path.read_bytes() == before


def test_float16_that_overflowed_is_found(tmp_path):
    with np.errstate(over='ignore'):
        np.save(tmp_path / 'x.npy', np.array([[1.0, 70_000.0], [3.0, 65_504.0]]).astype('f2'))
    features = read_features(tmp_path / 'x.npy')
    with pytest.raises(DataError, match='found 1 of 4 that are not, the first is inf at time step'):
        ValueCheck()(features, 'x.npy', 'v')
    assert ValueCheck('zero')(features, 'x.npy', 'v').tolist() == [[1, 0], [3, 65_504]]


@pytest.mark.parametrize('value', ['nan', 'inf', float('nan')])
def test_least_scores_are_finite(value):
    with pytest.raises(ConfigError) as caught:
        read_thresholds(value)
    assert str(caught.value) == f'expected a finite number as least score, found {float(value)}'


def test_report_and_timeline_of_lone_surrogates(tiny):
    results = {'a\ud800': [dict(label='r\udc80', segment=[1, 4], score=0.5)]}
    annotations = [dict(label='r\udc80', segment=[1.0, 4.0])]
    database = {'a\ud800': dict(subset='test', duration=9.0, annotations=annotations)}
    (tiny.root / 'p.json').write_text(json.dumps(dict(results=results)))
    (tiny.root / 'a.json').write_text(json.dumps(dict(database=database)))
    arguments = [str(tiny.root / name) for name in ('p.json', 'a.json')]
    out = tiny.root / 'out'
    for tool in ('plot_timeline', 'report'):
        assert tiny.tool(f'analysis/{tool}.py').main([*arguments, '--out', str(out)]) == 0
    assert 'a\ufffd' in (out / 'report.html').read_text('utf-8') and (out / 'a_.png').is_file()
