# SPDX-License-Identifier: Apache-2.0
"""tools/analysis/cross_validate.py on a small data set, stopped and started again."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_folds_variants_and_a_second_call(repo, tmp_path):
    subprocess.run(
        [
            sys.executable,
            repo / 'tools/data/make_synthetic.py',
            'data/synthetic',
            '--num-train',
            '4',
            '--num-val',
            '2',
        ],
        cwd=tmp_path,
        check=True,
    )
    command = [
        sys.executable,
        repo / 'tools/analysis/cross_validate.py',
        'synthetic',
        '--folds',
        '2',
        '--work-dir',
        'cv',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_cfg.val_begin=1',
        'train_cfg.val_interval=1',
        '--set',
        'slow',
        'optim_wrapper.optimizer.lr=1e-5',
    ]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / 'cv' / 'results.json').read_text())
    assert len(content['runs']) == 4
    assert content['summary']['slow']['difference']['count'] == 2
    assert 'difference' in done.stdout and 'slow' in done.stdout
    logs = sorted((tmp_path / 'cv').glob('**/train.log'))
    written = [log.stat().st_mtime_ns for log in logs]
    again = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True)
    assert again.returncode == 0 and again.stdout == done.stdout
    assert [log.stat().st_mtime_ns for log in logs] == written  # nothing was trained again


def test_names_of_variants_are_needed(repo):
    done = subprocess.run(
        [
            sys.executable,
            repo / 'tools/analysis/cross_validate.py',
            'synthetic',
            '--work-dir',
            'x',
            '--set',
            'a=1',
        ],
        text=True,
        capture_output=True,
    )
    assert done.returncode == 2 and '--set takes a name of its own' in done.stderr
