# SPDX-License-Identifier: Apache-2.0
"""Tools run in forks of one process that has imported everything: a second or two each."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

CONFIG = """
_base_ = [{bases}]
model = dict(
    data_preprocessor=dict(pad_to=512),
    neck=dict(in_channels=32, out_channels=8),
    head=dict(num_classes=5, in_channels=8, feat_channels=8, prior_prob=0.2))
optim_wrapper = dict(optimizer=dict(lr=1e-2))
train_cfg = dict(max_epochs=2, val_begin=1)
train_dataloader = dict(num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0, persistent_workers=False)
test_dataloader = dict(num_workers=0, persistent_workers=False)
default_hooks = dict(ema=dict(momentum=0.5))
"""
BASES = (
    'models/temporal_maxer',
    'datasets/synthetic_data',
    'schedules/adamw_50e',
    'default_runtime',
)


class Tools:
    """Runs tools of the repository and makes folders for them to run in."""

    def __init__(self, repo, folder, namespace=()):
        self.repo, self.folder, self.count = repo, folder, 0
        self.server = subprocess.Popen(
            [
                *namespace,
                sys.executable,
                str(Path(__file__).with_name('kill_points.py')),
                str(repo),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ, OMP_NUM_THREADS='1', TORCH_HOME=str(folder / 'torch_home')),
        )
        while self.server.stdout.readline().strip() != 'ready':
            assert self.server.poll() is None

    def run(self, tool, *argv, cwd, target=None, what='kill', disk=None):
        """Exit status, points and output of ``tools/TOOL``."""
        request = dict(
            tool=tool,
            argv=[str(arg) for arg in argv],
            cwd=str(cwd),
            target=target,
            what=what,
            disk=disk,
        )
        print(json.dumps(request), file=self.server.stdin, flush=True)
        return SimpleNamespace(**json.loads(self.server.stdout.readline()))

    def place(self, copy=None):
        """A new folder with a small data set and a config, or a copy of such a one."""
        self.count += 1
        folder = self.folder / f'place_{self.count}'
        if copy is not None:
            shutil.copytree(copy, folder, symlinks=True)
            return folder
        folder.mkdir()
        data = self.folder / 'source' / 'data'
        if not data.exists():
            data.parent.mkdir()
            made = self.run(
                'data/make_synthetic.py',
                'data/synthetic',
                '--num-train',
                4,
                '--num-val',
                2,
                cwd=data.parent,
            )
            assert made.status == 0, made.output
        (folder / 'data').symlink_to(data)
        bases = ', '.join(repr(str(self.repo / f'configs/_base_/{base}.py')) for base in BASES)
        (folder / 'tiny.py').write_text(CONFIG.format(bases=bases))
        return folder


@pytest.fixture(scope='session')
def tools(tmp_path_factory, repo):
    made = Tools(repo, tmp_path_factory.mktemp('reliability'))
    yield made
    made.server.stdin.close()
    made.server.wait()


@pytest.fixture(scope='session')
def mounting_tools(tmp_path_factory, repo):
    """As ``tools``, with mounts of their own, which only Linux lets any user make."""
    namespace = ('unshare', '--map-root-user', '--mount')
    try:
        subprocess.run([*namespace, 'true'], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f'this system lets a user mount nothing ({error})')
    made = Tools(repo, tmp_path_factory.mktemp('mounts'), namespace)
    yield made
    made.server.stdin.close()
    made.server.wait()


@pytest.fixture(scope='session')
def trained(tools):
    """A folder in which a training of two epochs ran to its end, into ``A``."""
    place = tools.place()
    out = tools.run('train.py', 'tiny.py', '--work-dir', 'A', '--seed', 1, cwd=place)
    assert out.status == 0, out.output[-2000:]
    return place
