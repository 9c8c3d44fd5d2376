# SPDX-License-Identifier: Apache-2.0
"""tools/train.py and tools/test.py as commands: one and two processes, killed and resumed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import tmx_plugin  # noqa: F401  lets torch read MMEngine's checkpoints

pytestmark = pytest.mark.slow
EPOCHS = 3
CONFIG = """
_base_ = [{bases}]
model = dict(
    data_preprocessor=dict(pad_to=512),
    neck=dict(in_channels=32, out_channels=8, input_dropout=0.2),
    head=dict(num_classes=5, in_channels=8, feat_channels=8, prior_prob=0.2))
optim_wrapper = dict(optimizer=dict(lr=1e-2))
train_cfg = dict(max_epochs={epochs}, val_begin={epochs})
default_hooks = dict(ema=dict(momentum=0.2), dump_ranks=dict(type='DumpRanksHook'))
custom_imports = dict(imports=['tmx_plugin', 'dump_ranks'])
"""
# Each process writes its whole state at the end, to be compared between processes.
HOOK = """
import torch
from mmaction.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook

@HOOKS.register_module()
class DumpRanksHook(Hook):
    priority = 'LOWEST'

    def after_train(self, runner):
        model = getattr(runner.model, 'module', runner.model)
        ema = next(hook for hook in runner.hooks if hasattr(hook, 'ema_model')).ema_model
        torch.save(dict(model=model.state_dict(), ema=ema.state_dict(),
                        optimizer=runner.optim_wrapper.state_dict()),
                   f'{runner.work_dir}/rank{get_rank()}.pt')
"""


class Place:
    """A folder with a small synthetic data set and a narrow config, away from the repository."""

    def __init__(self, folder: Path, repo: Path, forks):
        self.folder, self.repo, self.forks = folder, repo, forks
        (folder / 'dump_ranks.py').write_text(HOOK)
        bases = ', '.join(
            repr(str(repo / f'configs/_base_/{part}.py'))
            for part in (
                'models/temporal_maxer',
                'datasets/synthetic_data',
                'schedules/adamw_50e',
                'default_runtime',
            )
        )
        (folder / 'tiny.py').write_text(CONFIG.format(bases=bases, epochs=EPOCHS))
        # 5 videos to validate on: an odd number for two processes
        self.tool('data/make_synthetic', 'data/synthetic', '--num-train', 6, '--num-val', 5)

    def command(self, *args):
        path = os.pathsep.join([str(self.repo), str(self.folder), os.environ.get('PYTHONPATH', '')])
        env = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=path)
        return [str(arg) for arg in args], dict(cwd=self.folder, env=env)

    def run(self, name, *args):
        """Run a tool in one process."""
        path = dict(PYTHONPATH=str(self.folder))
        return self.forks.run(f'tools/{name}.py', *args, cwd=self.folder, env=path)

    def run_by_torchrun(self, processes, name, *args):
        """Run a tool in several processes."""
        command, kwargs = self.command(
            *(sys.executable, '-m', 'torch.distributed.run', '--nnodes=1'),
            *(f'--nproc_per_node={processes}', '--rdzv_backend=c10d'),
            *('--rdzv_endpoint=localhost:0', self.repo / f'tools/{name}.py', *args),
        )
        return subprocess.run(command, capture_output=True, text=True, timeout=300, **kwargs)

    def tool(self, name, *args, processes=None):
        """Output of a tool, which must succeed."""
        if processes is None:
            out = self.run(name, *args)
        else:
            out = self.run_by_torchrun(processes, name, *args)
        assert out.returncode == 0, out.stdout[-3000:] + out.stderr[-3000:]
        return out.stdout + out.stderr

    def state(self, work_dir, name=f'epoch_{EPOCHS}.pth'):
        return torch.load(self.folder / work_dir / name, weights_only=True)


@pytest.fixture(scope='module')
def place(tmp_path_factory, repo, forks):
    return Place(tmp_path_factory.mktemp('a place'), repo, forks)


@pytest.fixture(scope='module')
def trained(place):
    """One process, never stopped: its work directory and output."""
    return 'work_dirs/tiny', place.tool('train', 'tiny.py', '--seed', 1)


@pytest.fixture(scope='module')
def trained_by_two(place):
    place.tool('train', 'tiny.py', '--seed', 1, '--work-dir', 'two', processes=2)
    return 'two'


def assert_same(a, b, path=''):
    """Equal to the last bit, whatever is nested how."""
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), path
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            assert_same(a[key], b[key], f'{path}/{key}')
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b)):
            assert_same(x, y, f'{path}/{i}')
    elif not callable(a):
        assert a == b, path


def assert_same_training(a, b):
    for part in ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers'):
        assert_same(a[part], b[part], part)


def metrics(output):
    """Values of the last table of metrics that was logged."""
    line = [line for line in output.splitlines() if 'average_mAP: ' in line][-1]
    return dict(re.findall(r'(average_mAP|mAP@[\d.]+): ([\d.]+)', line))


def scalars(place, work_dir):
    """All that the last run in a work directory logged as json."""
    path = max((place.folder / work_dir).glob('*/vis_data/scalars.json'))
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_training_logs_and_saves_what_people_expect(place, trained):
    work_dir, output = trained
    line = [line for line in output.splitlines() if 'Epoch(train)' in line][-1]
    for word in ('lr:', 'eta:', 'time:', 'grad_norm:', 'loss:', 'loss_cls:', 'loss_reg:'):
        assert word in line
    names = {path.name for path in (place.folder / work_dir).iterdir()}
    assert {
        'epoch_1.pth',
        f'epoch_{EPOCHS}.pth',
        'last_checkpoint',
        f'best_average_mAP_epoch_{EPOCHS}.pth',
        'tiny.py',
    } <= names
    assert not [name for name in names if '.part' in name]
    logged = scalars(place, work_dir)
    assert any('loss_cls' in entry for entry in logged)
    assert any('average_mAP' in entry for entry in logged)
    assert float(metrics(output)['mAP@0.3']) > 0  # else the comparisons below say nothing


def test_testing_gives_the_metric_of_the_last_validation(place, trained):
    work_dir, output = trained
    last = f'{work_dir}/epoch_{EPOCHS}.pth'
    assert metrics(place.tool('test', 'tiny.py', last, '--work-dir', 'tested')) == metrics(output)


def test_two_processes_test_as_one_does(place, trained):
    work_dir, _ = trained
    results = {}
    for processes in (None, 2):
        out = f'test_{processes}'
        place.tool(
            'test',
            'tiny.py',
            '--checkpoint',
            f'{work_dir}/epoch_{EPOCHS}.pth',
            '--work-dir',
            out,
            '--cfg-options',
            f'test_evaluator.out_file={out}.json',
            processes=processes,
        )
        dumped = max((place.folder / out).glob('*/*.json'))
        values = json.loads(dumped.read_text())
        results[processes] = (
            {key: value for key, value in values.items() if 'mAP' in key},
            (place.folder / f'{out}.json').read_text(),
        )
    assert results[None][0] and results[None] == results[2]


def test_ranks_stay_identical(place, trained_by_two):
    ranks = [place.state(trained_by_two, f'rank{rank}.pt') for rank in (0, 1)]
    assert_same(*ranks)
    assert ranks[0]['ema']['module.head.loss_normalizer'] != 100
    saved = place.state(trained_by_two)
    assert_same(
        saved['state_dict'],
        {  # a checkpoint's weights are the average
            key[len('module.') :]: value
            for key, value in ranks[0]['ema'].items()
            if key.startswith('module.')
        },
    )


def test_one_process_of_torchrun_trains_as_none(place, trained):
    place.tool('train', 'tiny.py', '--seed', 1, '--work-dir', 'torchrun', processes=1)
    assert_same_training(place.state(trained[0]), place.state('torchrun'))


# in the second epoch, with and without worker processes, and in the last validation
@pytest.mark.parametrize('epoch,workers,delay', [(1, 2, 0.0), (1, 0, 0.2), (EPOCHS, 2, 0.0)])
def test_killed_and_resumed_equals_never_stopped(place, trained, epoch, workers, delay):
    work_dir = f'killed_{epoch}_{workers}'
    options = [
        'tiny.py',
        '--work-dir',
        work_dir,
        '--cfg-options',
        f'train_dataloader.num_workers={workers}',
        f'train_dataloader.persistent_workers={workers > 0}',
    ]
    command, kwargs = place.command(
        sys.executable, place.repo / 'tools/train.py', *options, '--seed', 1
    )
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **kwargs,
    )
    try:
        deadline = time.time() + 120
        while not (place.folder / work_dir / f'epoch_{epoch}.pth').exists():
            assert process.poll() is None and time.time() < deadline
            time.sleep(0.002)
        time.sleep(delay)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    # without --seed: the checkpoint knows it
    place.tool('train', *options, '--resume')
    assert_same_training(place.state(trained[0]), place.state(work_dir))
    best = f'best_average_mAP_epoch_{EPOCHS}.pth'
    assert_same(*(place.state(where, best)['state_dict'] for where in (trained[0], work_dir)))


def test_another_seed_trains_another_model(place, trained):
    place.tool(
        'train',
        'tiny.py',
        '--seed',
        2,
        '--no-validate',
        '--work-dir',
        'seed2',
        '--cfg-options',
        'train_cfg.max_epochs=1',
    )
    ours, other = place.state(trained[0], 'epoch_1.pth'), place.state('seed2', 'epoch_1.pth')
    key = 'head.reg_conv.weight'
    assert not torch.equal(ours['state_dict'][key], other['state_dict'][key])


@pytest.mark.parametrize(
    'args', [('train', 'thumos_i3d'), ('test', 'configs/temporalmaxer/thumos_i3d.py', 'x.pth')]
)
def test_a_missing_data_set_ends_in_one_sentence(place, args):
    name, *rest = args
    (place.folder / 'x.pth').touch()
    out = place.run(name, *rest)
    assert out.returncode == 1
    assert 'Traceback' not in out.stderr
    last = out.stderr.strip().splitlines()[-1]
    assert last.startswith(f'{name}: ') and 'data/thumos14' in last


def test_a_checkpoint_of_another_model_is_refused(place, trained):
    out = place.run(
        'test',
        'tiny.py',
        f'{trained[0]}/epoch_1.pth',
        '--cfg-options',
        'model.head.num_classes=7',
    )
    assert out.returncode == 1 and 'Traceback' not in out.stderr
    assert 'head.cls_conv.weight' in out.stderr
