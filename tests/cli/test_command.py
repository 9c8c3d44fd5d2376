# SPDX-License-Identifier: Apache-2.0
"""The command ``tmx`` as a user starts it, from any folder."""

import os
import re
import subprocess
import sys

import pytest

from tmx_plugin.cli.commands import COMMANDS, ROOT


@pytest.fixture
def tmx(forks, tmp_path):
    """Runs the command in an empty folder, in a process that has imported everything."""
    return lambda *arguments: forks.tmx(*arguments, cwd=tmp_path)


@pytest.fixture
def new_python(repo, tmp_path):
    """Runs the command in a new interpreter."""

    def run(*arguments, python_options=()):
        return subprocess.run(
            [sys.executable, *python_options, str(repo / 'tmx_start.py'), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, 'OMP_NUM_THREADS': '1', 'COLUMNS': '100'},
        )

    return run


def test_help_lists_all_commands_without_torch(new_python):
    result = new_python('--help', python_options=('-X', 'importtime'))
    assert result.returncode == 0
    for name, command in COMMANDS.items():
        assert re.search(rf'^  {name} +{re.escape(command.summary)}$', result.stdout, re.M)
    assert 'thumos_i3d' in result.stdout
    imported = {line.split('|')[-1].strip() for line in result.stderr.splitlines()}
    assert 'runpy' in imported and not {'torch', 'numpy', 'mmengine', 'tmx_plugin'} & imported


def test_version(tmx):
    from tmx_plugin.version import __version__

    assert tmx('--version').stdout == f'tmx {__version__}\n'


def test_wrong_usage_is_status_2(tmx, new_python):
    result = new_python('trian')
    assert result.returncode == 2 and "did you mean 'train'?" in result.stderr
    result = tmx()
    assert result.returncode == 2 and result.stderr.startswith('usage: tmx') and not result.stdout
    result = tmx('flops')
    assert result.returncode == 2 and result.stderr.startswith('usage: tmx flops')


def test_every_command_names_an_existing_tool_or_module(repo):
    assert repo == ROOT
    for name, command in COMMANDS.items():
        own = repo / 'tmx_plugin' / 'cli' / f'{command.target}.py'
        assert own.is_file() or (repo / 'tools' / command.target).is_file(), name


@pytest.mark.parametrize('name', COMMANDS)
def test_help_of_a_command_ends_in_an_example(tmx, name):
    result = tmx(name, '--help')
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f'usage: tmx {name} [-h]')
    example = f'example:\n  tmx {name} {COMMANDS[name].example}'.rstrip()
    assert result.stdout.endswith(f'{example}\n')


@pytest.mark.slow
def test_a_tool_runs_with_its_options_and_a_config_by_name(tmx):
    result = tmx('flops', 'synthetic', '--length', '128')
    assert result.returncode == 0, result.stderr
    assert 'multiply-adds at T = 128' in result.stdout


@pytest.mark.slow
def test_the_same_as_a_module(repo, tmp_path):
    result = subprocess.run(
        [
            sys.executable,
            '-m',
            'tmx_plugin',
            'synthetic',
            'data',
            '--num-train',
            '1',
            '--num-val',
            '1',
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, 'PYTHONPATH': str(repo)},
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / 'data/annotations/synthetic.json').is_file()


@pytest.mark.slow
def test_checks_to_paste(tmx):
    result = tmx('checks')
    assert result.returncode == 0, result.stdout + result.stderr
    assert [line for line in result.stdout.splitlines() if not line.startswith(' ')] == [
        'versions',
        'devices',
        'features',
        'package',
        'problems',
    ]
    for name in ('python', 'torch', 'numpy', 'mmengine', 'mmcv', 'mmaction2'):
        assert re.search(rf'^  {name} .*\d\.\d.*\(supported: >= [\d.]+', result.stdout, re.M), name


@pytest.mark.slow
def test_checks_run_where_the_package_cannot_be_imported(tmx, tmp_path):
    (tmp_path / 'mmcv.py').write_text('raise ImportError("libpicture.so.1 not found")')
    code = (
        'import sys; sys.path[:0] = sys.argv[1:3]; del sys.argv[1:3]; '
        'from tmx_start import main; sys.exit(main())'
    )
    result = subprocess.run(
        [sys.executable, '-c', code, str(ROOT), str(tmp_path), 'checks'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, 'PYTHONPATH': str(tmp_path)},
    )
    assert result.returncode == 1
    assert re.search(r'import tmx_plugin: \w+Error: .*libpicture.so.1 not found', result.stdout)


@pytest.mark.parametrize(
    'module, words',
    [
        ('mmcv', 'tmx flops: tmx_plugin needs mmcv or mmcv-lite'),
        ('mmengine', 'tmx flops: No module named '),
    ],
)
def test_a_missing_package_is_one_sentence(repo, tmp_path, module, words):
    code = (
        f'import sys; sys.modules[{module!r}] = None; sys.path.insert(0, sys.argv.pop(1)); '
        'from tmx_start import main; sys.exit(main())'
    )
    result = subprocess.run(
        [sys.executable, '-c', code, str(repo), 'flops', 'synthetic'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 1 and result.stderr.count('\n') == 1, result.stderr
    assert result.stderr.startswith(words) and 'pip install "' in result.stderr


@pytest.mark.slow
def test_demo_in_a_folder_of_the_users_resumes_where_it_stopped(new_python, tmp_path):
    first = new_python('demo', 'a folder', '--epochs', '1')
    assert first.returncode == 0, first.stderr
    assert '$ tmx train synthetic' in first.stdout and 'average_mAP' in first.stdout
    work = tmp_path / 'a folder' / 'work'
    assert (work / 'predictions.json').is_file() and (work / 'timelines/val_0000.png').is_file()
    (work / 'predictions.json').unlink()
    second = new_python('demo', 'a folder', '--epochs', '1')
    assert second.returncode == 0 and '$ tmx train' not in second.stdout
    assert (work / 'predictions.json').is_file()
