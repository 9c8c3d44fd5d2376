# SPDX-License-Identifier: Apache-2.0
"""The family of errors, and how tools end."""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tmx_plugin import errors
from tmx_plugin.errors import DataError, MissingFileError, MissingPackageError, TmxError, run_tool
from tmx_plugin.utils.files import atomic_write


def fail(error):
    raise error


def test_all_errors_are_of_one_family():
    family = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert len(family) >= 9 and all(issubclass(each, TmxError) for each in family)
    assert issubclass(MissingFileError, FileNotFoundError)
    assert issubclass(MissingPackageError, ImportError)


@pytest.mark.parametrize(
    'module, name',
    [
        ('datasets', 'DataError'),
        ('datasets.errors', 'FormatError'),
        ('models.checkpoint', 'CheckpointError'),
        ('models.checkpoint', 'CheckpointMismatchError'),
        ('engine.launch', 'LaunchError'),
    ],
)
def test_earlier_names_are_the_same_classes(module, name):
    found = getattr(importlib.import_module(f'tmx_plugin.{module}'), name)
    assert found is getattr(errors, name)


@pytest.mark.parametrize(
    'error, sentence',
    [
        (DataError('a.json: expected json'), 'a.json: expected json'),
        (MissingFileError('a.npy: not found'), 'a.npy: not found'),
        (OSError(28, 'No space left on device', 'out.json'), 'out.json: No space left on device'),
        (PermissionError(13, 'Permission denied'), 'Permission denied'),
    ],
)
def test_an_explained_error_is_one_sentence(error, sentence, capsys, monkeypatch):
    monkeypatch.delenv('TORCHELASTIC_ERROR_FILE', raising=False)
    assert run_tool(lambda: fail(error), 'tool') == 1
    assert capsys.readouterr().err == f'tool: {sentence}\n'
    assert run_tool(lambda: fail(error), 'tool', failure=2) == 2


def test_debug_adds_the_traceback(capsys):
    assert run_tool(lambda args: fail(DataError('x')), 'tool', SimpleNamespace(debug=True)) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith('Traceback') and lines[-1] == 'tool: x'


def test_statuses_and_faults(capsys):
    assert run_tool(lambda: None, 'tool') == 0 and run_tool(lambda: 3, 'tool') == 3
    with pytest.raises(KeyError):
        run_tool(lambda: fail(KeyError('a fault')), 'tool')
    assert run_tool(lambda: fail(KeyboardInterrupt()), 'tool') == 130
    assert capsys.readouterr().err == 'tool: interrupted\n'


def test_an_error_in_a_worker_is_told_without_its_traceback(capsys):
    from torch._utils import ExceptionWrapper

    try:
        fail(DataError('v.npy: expected a matrix'))
    except DataError:
        wrapped = ExceptionWrapper(where='in DataLoader worker process 0')
    assert run_tool(wrapped.reraise, 'tool') == 1
    assert capsys.readouterr().err == 'tool: v.npy: expected a matrix\n'


def test_torchrun_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', str(tmp_path / 'error.json'))
    run_tool(lambda: fail(DataError('x')), 'tool')
    assert json.loads((tmp_path / 'error.json').read_text())['message']['message'] == 'tool: x'


def test_a_closed_pipe_is_no_error(repo):
    code = (
        'from tmx_plugin.errors import run_tool\n'
        'raise SystemExit(run_tool(lambda: print("\\n" * 100000), "tool"))'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', code], cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b'' and process.wait() == 1


def test_every_tool_ends_through_run_tool(repo):
    paths = {*(repo / 'tools').rglob('*.py')} - {*(repo / 'tools/analysis/measurements').iterdir()}
    for path in paths:
        text = path.read_text(encoding='utf-8')
        if path.stem != 'benchmark':  # which stays free of torch, see there
            assert f"'{path.stem}', args" in text and "'--debug'" in text, path
        assert not re.search(r'except .*(OSError|ValueError, )', text), path


def test_sigterm_removes_what_a_tool_has_half_written(tmp_path):
    def main():
        with atomic_write(tmp_path / 'out.json') as file:
            file.write('half')
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        run_tool(main, 'tool')
    assert ended.value.code == 143 and not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) == before
