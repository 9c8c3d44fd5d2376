# SPDX-License-Identifier: Apache-2.0
"""Kill a training with one checkpoint kept at its file operations, resume it, and compare.

``python killed_training.py REPOSITORY FOLDER EVERY`` prints a line for each point that went wrong,
and a count at the end. EVERY=1 tries all points.
"""
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from kill_points import load_main, run

CONFIG = '''
_base_ = [{bases}]
model = dict(
    data_preprocessor=dict(pad_to=512),
    neck=dict(in_channels=32, out_channels=8),
    head=dict(num_classes=5, in_channels=8, feat_channels=8, prior_prob=0.2))
optim_wrapper = dict(optimizer=dict(lr=1e-2))
train_cfg = dict(max_epochs={epochs}, val_begin=1)
train_dataloader = dict(num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0, persistent_workers=False)
test_dataloader = dict(num_workers=0, persistent_workers=False)
default_hooks = dict(ema=dict(momentum=0.5), checkpoint=dict(max_keep_ckpts=1))
'''
BASES = ('models/temporal_maxer', 'datasets/synthetic_data', 'schedules/adamw_50e',
         'default_runtime')
TIMES = ('time', 'data_time', 'memory', 'eta')
EPOCHS = 3


def comparable(text):
    """Text without where the run was and how it was started."""
    text = re.sub(r'\S*/(whole|killed_\d+)/', '', text)
    return [line for line in text.splitlines() if not line.startswith(('resume =', 'work_dir ='))]


def differences(a, b, path=''):
    """Where two checkpoints differ, times aside."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [key for key in {**a, **b} if str(key).split('/')[-1] not in (
            *TIMES, 'experiment_name')]
        return [line for key in keys for line in (
            differences(a[key], b[key], f'{path}/{key}') if key in a and key in b
            else [f'{path}/{key} is in one only'])]
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        return [line for i, pair in enumerate(zip(a, b))
                for line in differences(*pair, f'{path}/{i}')]
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        same = a.shape == b.shape and np.array_equal(a.numpy(), b.numpy(), equal_nan=True)
    elif isinstance(a, str) and isinstance(b, str):
        same = comparable(a) == comparable(b)
    else:
        same = a == b
    return [] if same else [f'{path}: {str(a)[:80]} and {str(b)[:80]}']


def place(folder, data, config):
    folder.mkdir(parents=True)
    (folder / 'data').symlink_to(data)
    shutil.copy(config, folder / 'tiny.py')
    return folder


def result(folder):
    """What a training left: names, and the content of its checkpoints."""
    work = folder / 'w'
    names = sorted(path.name for path in work.iterdir() if path.suffix == '.pth')
    return names, {name: torch.load(work / name, weights_only=True) for name in names}


def main():
    repo, folder, every = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    sys.path.insert(0, str(repo))
    import tmx_plugin.apis  # noqa: F401  once, for all forks
    train, synthesize = (load_main(repo / path) for path in (
        'tools/train.py', 'tools/data/make_synthetic.py'))
    source = folder / 'source'
    source.mkdir(parents=True)
    status, _ = run(synthesize, ['data/synthetic', '--num-train', 4, '--num-val', 2], source)
    assert status == 0
    bases = ', '.join(repr(str(repo / f'configs/_base_/{part}.py')) for part in BASES)
    (source / 'tiny.py').write_text(CONFIG.format(bases=bases, epochs=EPOCHS))
    options = ['tiny.py', '--work-dir', 'w', '--seed', 1]

    def new(name):
        return place(folder / name, source / 'data', source / 'tiny.py')

    whole = new('whole')
    status, points = run(train, options, whole)
    assert status == 0, Path(f'{whole}.log').read_text()[-2000:]
    names, states = result(whole)
    failed = tried = 0
    for target in range(every // 2, len(points), every):
        killed = new(f'killed_{target}')
        status, _ = run(train, options, killed, target)
        again, _ = run(train, [*options, '--resume', 'auto'], killed)
        lines = [f'status {status}, then {again}'] if (status, again) != (-9, 0) else []
        if not lines:
            found, contents = result(killed)
            lines = [f'files {found}, expected {names}'] * (found != names)
            lines += differences(states, contents) if found == names else []
        leftovers = [path.name for path in killed.rglob('*.part*')]
        lines += [f'left over: {leftovers}'] * bool(leftovers)
        tried += 1
        failed += bool(lines)
        for line in lines[:6]:
            print(f'point {target} ({points[target]}): {line}', flush=True)
        if not lines:
            shutil.rmtree(killed)
    print(f'{tried - failed} of {tried} of {len(points)} points')
    return int(failed > 0)


if __name__ == '__main__':
    sys.exit(main())
