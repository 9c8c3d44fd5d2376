# SPDX-License-Identifier: Apache-2.0
"""A training with one checkpoint kept, disturbed at its file operations.

TMX_ALL_POINTS=1 (``make fuzz``) tries all points instead of a sample.
"""

import os
import re
import shutil

import numpy as np
import pytest
import torch

from tmx_plugin.engine.resume import check_resumable
from tmx_plugin.models.checkpoint import load_checkpoint_file

pytestmark = pytest.mark.slow
SAMPLE = 1 if os.environ.get('TMX_ALL_POINTS') else 31
OPTIONS = (
    'tiny.py',
    '--work-dir',
    'w',
    '--seed',
    1,
    '--cfg-options',
    'default_hooks.checkpoint.max_keep_ckpts=1',
    'train_cfg.max_epochs=3',
)
TIMES = ('time', 'data_time', 'memory', 'eta', 'experiment_name')
FULL = r'^train: could not write \S*w/\S+: No space left on device; [\d.]+ MB are free on its disk'


def comparable(text):
    """Text without where the run was and how it was started."""
    text = re.sub(r'\S*/place_\d+/', '', text)
    return [line for line in text.splitlines() if not line.startswith(('resume =', 'work_dir ='))]


def differences(a, b, path=''):
    """Where two checkpoints differ, times aside."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [key for key in {**a, **b} if str(key).split('/')[-1] not in TIMES]
        return [
            line
            for key in keys
            for line in (
                differences(a[key], b[key], f'{path}/{key}')
                if key in a and key in b
                else [f'{path}/{key} is in one only']
            )
        ]
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        return [
            line for i, pair in enumerate(zip(a, b)) for line in differences(*pair, f'{path}/{i}')
        ]
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        same = a.shape == b.shape and np.array_equal(a.numpy(), b.numpy(), equal_nan=True)
    elif isinstance(a, str) and isinstance(b, str):
        same = comparable(a) == comparable(b)
    else:
        same = a == b
    return [] if same else [f'{path}: {str(a)[:80]} and {str(b)[:80]}']


def result(place):
    """The checkpoints that a training left; torch alone must be able to read them."""
    return {
        path.name: torch.load(path, weights_only=True)
        for path in sorted((place / 'w').glob('*.pth'))
    }


@pytest.fixture(scope='module')
def never_stopped(tools):
    """Checkpoints and points of a run that nothing disturbed."""
    place = tools.place()
    out = tools.run('train.py', *OPTIONS, cwd=place)
    assert out.status == 0, out.output[-2000:]
    found = result(place)
    assert len(found) == 2 and 'epoch_3.pth' in found  # the other is the best
    return found, out.points


def test_killed_and_resumed_equals_never_stopped_in_every_field(tools, never_stopped):
    expected, points = never_stopped
    wrong = []
    for target in range(SAMPLE // 2, len(points), SAMPLE):
        place = tools.place()
        killed = tools.run('train.py', *OPTIONS, cwd=place, target=target)
        again = tools.run('train.py', *OPTIONS, '--resume', 'auto', cwd=place)
        if (killed.status, again.status) != (-9, 0):
            wrong.append((points[target], killed.status, again.status, again.output[-500:]))
            continue
        wrong += [(points[target], line) for line in differences(expected, result(place))]
        wrong += [(points[target], path.name) for path in place.rglob('*.part*')]
        shutil.rmtree(place)
    assert not wrong, wrong[:5]


def test_a_run_killed_in_validation_validates_again_and_says_so(tools, never_stopped):
    expected, points = never_stopped
    place = tools.place()
    start = next(i for i, point in enumerate(points) if 'best' in point)
    assert tools.run('train.py', *OPTIONS, cwd=place, target=start).status == -9
    out = tools.run('train.py', *OPTIONS, '--resume', cwd=place)
    assert 'Validating epoch 1, from which training resumes' in out.output
    assert differences(expected, result(place)) == []


def test_a_disk_that_fills_leaves_a_whole_checkpoint_and_a_sentence(tools, never_stopped):
    points = never_stopped[1]
    saved = max(i for i, point in enumerate(points) if re.search(r'rename w/\.epoch_1', point))
    for target in range(saved + 1, len(points) - 1, SAMPLE):
        place = tools.place()
        out = tools.run('train.py', *OPTIONS, cwd=place, target=target, what='ENOSPC')
        last = out.output.strip().splitlines()[-1]
        assert out.status == 1 and 'Traceback' not in out.output, (points[target], out.output)
        assert 'No space left on device' in last, (points[target], last)
        found = sorted((place / 'w').glob('epoch_*.pth'))
        assert found and not list(place.rglob('*.part*')), points[target]
        for path in found:
            check_resumable(load_checkpoint_file(path), path)
        if 'epoch_2' in points[target]:
            assert re.search(FULL, last) and 'last good checkpoint is w/epoch_' in last
        shutil.rmtree(place)


def test_sigterm_in_a_validation_ends_at_once_and_leaves_nothing_half_written(tools, never_stopped):
    place = tools.place()
    out = tools.run('train.py', *OPTIONS, cwd=place, target='open w/.best', what='terminate')
    assert out.status == 143
    assert re.search(
        r'Terminated in epoch 2\. The last checkpoint is \S+epoch_1.pth; go on from '
        'it with --resume',
        out.output,
    )
    assert not list(place.rglob('*.part*'))
    assert tools.run('train.py', *OPTIONS, '--resume', cwd=place).status == 0
    assert differences(never_stopped[0], result(place)) == []


def test_sigterm_within_an_epoch_saves_and_goes_on_there(tools):
    # Every step of the four is logged, so that there is a file operation in it. Dropout shows
    # whether the random numbers go on.
    options = (
        *OPTIONS,
        'train_dataloader.batch_size=1',
        'default_hooks.logger.interval=1',
        'model.neck.input_dropout=0.3',
    )
    whole, place = tools.place(), tools.place()
    out = tools.run('train.py', *options, cwd=whole)
    saved = max(i for i, point in enumerate(out.points) if 'rename w/.epoch_1' in point)
    steps = [i for i, point in enumerate(out.points) if i > saved and 'scalars.json' in point]
    out = tools.run('train.py', *options, cwd=place, target=steps[2], what='terminate')
    assert out.status == 143, out.output[-2000:]
    assert re.search(
        r'Terminated in epoch 2\. The last checkpoint is \S+interrupted.pth; go on', out.output
    )
    out = tools.run('train.py', *options, '--resume', cwd=place)
    assert out.status == 0, out.output[-2000:]
    assert re.search(r'Going on after batch \d of epoch 2', out.output)
    assert differences(result(whole), result(place)) == []
