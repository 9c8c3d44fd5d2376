# SPDX-License-Identifier: Apache-2.0
"""Predictions and options that the report refuses."""

import pytest


@pytest.mark.parametrize(
    'content, message',
    [
        ('{"results": ', 'json'),
        ('[]', 'results'),
        ('{"results": {"a": 3}}', "video 'a'"),
        ('{"results": {"a": [{"label": "x", "segment": [0, 1]}]}}', "video 'a'"),
        ('{"results": {"a": [{"label": "x", "segment": [0], "score": 1}]}}', "video 'a'"),
        ('{"results": {"a": [{"label": "x", "segment": [0, NaN], "score": 1}]}}', "video 'a'"),
    ],
)
def test_broken_predictions_are_named(tools, files, tmp_path, capsys, content, message):
    path = tmp_path / 'broken.json'
    path.write_text(content)
    assert tools['report'].main([str(path), files[1], '--out', str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert str(path) in error and message in error
    assert not (tmp_path / 'report.html').exists()


@pytest.mark.parametrize(
    'options, message',
    [
        (('--main-tiou', '0'), 'main tIoU must be in (0, 1], got 0.0'),
        (('--tious', '.5', '1.5'), 'thresholds must be in (0, 1]'),
        (('--top-k', '0'), 'got top_k=0'),
    ],
)
def test_options_out_of_range(tools, files, tmp_path, capsys, options, message):
    assert tools['report'].main([*files, '--out', str(tmp_path), *options]) == 1
    assert message in capsys.readouterr().err


def test_missing_file(tools, files, tmp_path, capsys):
    assert tools['report'].main(['no.json', files[1], '--out', str(tmp_path)]) == 1
    assert 'no.json' in capsys.readouterr().err
