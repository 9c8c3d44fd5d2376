# SPDX-License-Identifier: Apache-2.0
"""Configs that cannot be read end every tool in one sentence."""

import errno
import os

import pytest
from mmengine.config import Config

from tmx_plugin.errors import ConfigError
from tmx_plugin.utils.config_files import read_config_file
from tmx_plugin.utils.files import WriteError

BROKEN = [
    ('model = dict(', "SyntaxError: '(' was never closed"),
    ('model = dict(type=unknown)', "NameError: name 'unknown' is not defined"),
    ("_base_ = './gone.py'", 'FileNotFoundError'),
    ('raise ValueError("no luck")', 'ValueError: no luck'),
]


@pytest.mark.parametrize('text,reason', BROKEN)
def test_what_is_wrong_with_a_config_is_said(text, reason, tmp_path):
    (tmp_path / 'mine.py').write_text(text)
    with pytest.raises(ConfigError) as found:
        read_config_file(tmp_path / 'mine.py')
    words = f'{tmp_path / "mine.py"}: expected a config, found '
    assert str(found.value).startswith(words) and reason in str(found.value)


def test_an_option_that_does_not_fit_is_said(tmp_path):
    (tmp_path / 'mine.py').write_text('epochs = [1, 2]')
    with pytest.raises(ConfigError, match='mine.py: expected a config, found'):
        read_config_file(tmp_path / 'mine.py', {'epochs.7': 3})


def test_no_room_for_temporary_files_is_no_fault_of_the_config(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Config, 'fromfile', full)
    with pytest.raises(WriteError, match=r'could not write \S+mine.py: No space left .* are free'):
        read_config_file(tmp_path / 'mine.py')


@pytest.mark.parametrize(
    'tool,arguments',
    [
        ('train.py', ['mine.py']),
        ('test.py', ['mine.py', '--checkpoint', 'x.pth']),
        ('infer.py', ['.', 'mine.py', 'x.pth', '--out', 'out']),
        ('extract_features.py', ['.', 'out', '--config', 'mine.py', '--random-weights']),
        ('analysis/report.py', ['mine.py', 'x.pth', '--out', 'out']),
        ('deploy/export_onnx.py', ['mine.py', 'x.pth', 'x.onnx']),
    ],
)
def test_a_broken_config_ends_a_tool_in_one_sentence(tool, arguments, forks, tmp_path):
    (tmp_path / 'mine.py').write_text('model = dict(')
    (tmp_path / 'a.mp4').touch()
    result = forks.run(f'tools/{tool}', *arguments, cwd=tmp_path)
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    assert "mine.py: expected a config, found SyntaxError: '(' was never closed" in result.stderr
