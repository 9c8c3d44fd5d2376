# SPDX-License-Identifier: Apache-2.0
"""tools/analysis/cross_validate.py on a small data set, stopped and started again."""

import json

import pytest


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
