# SPDX-License-Identifier: Apache-2.0
"""tools/analysis/cross_validate.py on a small data set, stopped and started again."""

import json
from pathlib import Path

import pytest
from tool_modules import load_module

from tmx_plugin.errors import ConfigError


@pytest.mark.slow
def test_folds_variants_and_a_second_call(forks, tmp_path):
    made = forks.tmx('synthetic', 'data/synthetic', '--num-train', 4, '--num-val', 2, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    options = [f'train_cfg.{name}=1' for name in ('max_epochs', 'val_begin', 'val_interval')]
    command = [
        *('cross-validate', 'synthetic', '--folds', 2, '--work-dir', 'cv'),
        *('--cfg-options', *options, '--set', 'slow', 'optim_wrapper.optimizer.lr=1e-5'),
    ]
    done = forks.tmx(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / 'cv' / 'results.json').read_text())
    assert len(content['runs']) == 4
    assert content['summary']['slow']['difference']['count'] == 2
    assert 'difference' in done.stdout and 'slow' in done.stdout
    logs = sorted((tmp_path / 'cv').glob('**/train.log'))
    written = [log.stat().st_mtime_ns for log in logs]
    again = forks.tmx(*command, cwd=tmp_path)
    assert again.returncode == 0 and again.stdout == done.stdout
    assert [log.stat().st_mtime_ns for log in logs] == written  # nothing was trained again


def test_names_of_variants_are_needed(forks, tmp_path):
    done = forks.tmx('cross-validate', 'synthetic', '--work-dir', 'x', '--set', 'a=1', cwd=tmp_path)
    assert done.returncode == 2 and '--set takes a name of its own' in done.stderr


@pytest.fixture(scope='module')
def tool(repo):
    return load_module(repo / 'tools/analysis/cross_validate.py')


def planned(tool, tmp_path, *options):
    """(config, split, seed) of each run that the options ask for."""
    configs = ('gtea_scnn', 'salads50_scnn', 'hapt_inertial')
    args = tool.parse_args([*configs, '--work-dir', str(tmp_path), *options])
    runs = tool.make_plan(args)
    return [(Path(run.config).stem, run.split, run.seed) for run in runs]


def test_only_chooses_the_runs_of_its_config_and_leaves_the_others(tool, tmp_path):
    only = ('--only', 'gtea_scnn', '3,4', '1,2', '--only', 'salads50_scnn.py', '5', '7')
    assert sorted(planned(tool, tmp_path, *only, '--seeds', '2', '9')) == [
        *(('gtea_scnn', split, seed) for split in '34' for seed in (1, 2)),
        *(('hapt_inertial', '1', seed) for seed in (2, 9)),
        ('salads50_scnn', '5', 7),
    ]


@pytest.mark.parametrize(
    'only, words',
    [
        (('gtea', '1', '1'), '--only gtea: expected one of gtea_scnn, salads50_scnn, hapt'),
        (('gtea_scnn', '3,9', '1'), 'expected splits among 1,2,3,4 .* got 3,9 and 1'),
        (('gtea_scnn', '3', '1,x'), 'whole numbers as seeds, got 3 and 1,x'),
        (('gtea_scnn', '3', '-1'), 'whole numbers as seeds, got 3 and -1'),
    ],
)
def test_only_refuses_unknown_configs_splits_and_seeds(tool, tmp_path, only, words):
    with pytest.raises(ConfigError, match=words):
        planned(tool, tmp_path, '--only', *only)
