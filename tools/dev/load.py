# SPDX-License-Identifier: Apache-2.0
"""Load: many short videos, and many trainings that are killed and gone on with.

``videos`` runs the inference tool or the test tool over synthetic features and prints the memory
of the process when so many videos are done; ``cycles`` trains, validates, kills and resumes, and
prints after each what the process held and what the machine is left with.

Examples::

    python tools/dev/load.py videos infer --count 10000
    python tools/dev/load.py videos test --count 10000
    python tools/dev/load.py cycles --count 25
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), *(str(ROOT / 'tests' / name) for name in ('helpers', 'reliability'))]


def make_data(folder: Path, count: int, training: int) -> tuple[Path, Path]:
    """A data set of ``count`` videos of 30 features; its config and weights."""
    import torch
    from conftest import write_config

    from tmx_plugin.apis import init_localizer

    rng, database = np.random.default_rng(0), {}
    (folder / 'features').mkdir()
    annotations = [dict(label=name, segment=[1.0, 4.0]) for name in ('run', 'jump')]
    for number in range(count):
        name = f'v{number:05d}'
        np.save(folder / f'features/{name}.npy', rng.normal(size=(30, 6)).astype(np.float32))
        subset = 'training' if number < training else 'validation'
        database[name] = dict(subset=subset, duration=15.5, fps=8, annotations=annotations)
    (folder / 'a.json').write_text(json.dumps(dict(database=database)), encoding='utf-8')
    config = write_config(folder, ROOT)
    meta = dict(dataset_meta=dict(classes=('jump', 'run')))
    state = init_localizer(config).state_dict()
    torch.save(dict(state_dict=state, meta=meta), folder / 'weights.pth')
    return config, folder / 'weights.pth'


def start(*args, log: Path) -> subprocess.Popen:
    """A tool as a process group of its own, whose output goes to a file."""
    with open(log, 'wb') as file:
        command = [sys.executable, *map(str, args)]
        return subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )


def memory_mb(pid: int) -> float:
    """Private and shared memory that is resident."""
    text = Path(f'/proc/{pid}/status').read_text(encoding='utf-8')
    match = re.search(r'RssAnon:\s+(\d+)', text)
    return int(match[1]) / 1024 if match else 0.0


def videos(tool: str, count: int, folder: Path) -> int:
    """Print the memory of the tool at growing numbers of videos."""
    config, weights = make_data(folder, count + 4, 4)
    log, out = folder / 'log', folder / 'out'
    few = ('--cfg-options', 'model.test_cfg.max_seg_num=20')
    if tool == 'infer':
        inputs = (folder / 'features', config, weights, '--out', out, '--fps', '8')
        process = start(ROOT / 'tools/infer.py', *inputs, '--device', 'cpu', *few, log=log)
    else:
        options = (*few, 'default_hooks.logger.interval=100')
        process = start(ROOT / 'tools/test.py', config, weights, *options, log=log)
    wanted = [number for number in (100, 1000, 2500, 5000, 7500, 10000) if number <= count]
    while process.poll() is None and wanted:
        text = log.read_text(encoding='utf-8', errors='replace')
        logged = re.findall(r'Epoch\(test\) \[ *(\d+)/', text)
        done = text.count(' segments') if tool == 'infer' else int(logged[-1]) if logged else 0
        if done >= wanted[0]:
            print(f'{tool}: {done} videos, {memory_mb(process.pid):.0f} MB', flush=True)
            wanted.pop(0)
        time.sleep(0.5)
    status = process.wait()
    print(f'{tool}: status {status}')
    return status


def held() -> dict:
    """What the machine is left with: processes of the tools, shared memory, temporary folders."""
    left = [Path(path, 'cmdline') for path in Path('/proc').glob('[0-9]*')]
    ours = 0
    for path in left:
        try:
            ours += b'tools/train.py' in path.read_bytes() and str(ROOT).encode() in (
                path.read_bytes()
            )
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
    return dict(
        processes=ours,
        shared=sum(1 for _ in Path('/dev/shm').iterdir()),
        pymp=sum(1 for _ in Path(tempfile.gettempdir()).glob('pymp-*')),
    )


def cycles(count: int, folder: Path) -> int:
    """Train, validate, kill and resume, with workers, and print what is held and left."""
    config, _ = make_data(folder, 12, 8)
    workers = [f'{part}_dataloader.num_workers=1' for part in ('train', 'val')]
    workers += [f'{part}_dataloader.persistent_workers=True' for part in ('train', 'val')]
    options = ['--cfg-options', 'train_cfg.val_begin=1', *workers]
    print('before', held(), flush=True)
    for cycle in range(1, count + 1):
        more = [f'train_cfg.max_epochs={2 * cycle + 2}']
        resume = ['--resume'] if cycle > 1 else []
        log = folder / 'log'
        process = start(ROOT / 'tools/train.py', config, *resume, *options, *more, log=log)
        number = [signal.SIGKILL, signal.SIGTERM, None][cycle % 3]
        goal, handles, memory = f'Epoch(val) [{2 * cycle}]', 0, 0.0
        while process.poll() is None:
            try:
                handles = max(handles, len(os.listdir(f'/proc/{process.pid}/fd')))
                memory = max(memory, memory_mb(process.pid))
            except (FileNotFoundError, ProcessLookupError):  # it has just ended
                break
            if number and goal in log.read_text(encoding='utf-8', errors='replace'):
                os.kill(process.pid, number)
                number = None
            time.sleep(0.05)
        status = process.wait()
        time.sleep(6.0 if status == -9 else 0.5)  # in which workers of a killed process end
        if status not in (0, -9, 143):
            print(log.read_text(encoding='utf-8', errors='replace')[-2000:])
        print(cycle, f'status {status}, {memory:.0f} MB, {handles} handles', held(), flush=True)
    return 0


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest='kind', required=True)
    many = kinds.add_parser('videos')
    many.add_argument('tool', choices=('infer', 'test'))
    many.add_argument('--count', type=int, default=10000)
    kinds.add_parser('cycles').add_argument('--count', type=int, default=25)
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def run(args) -> int:
    os.environ['OMP_NUM_THREADS'] = '1'
    with tempfile.TemporaryDirectory(prefix='load-') as folder:
        tempfile.tempdir = os.environ['TMPDIR'] = folder  # what others leave is not counted
        if args.kind == 'videos':
            return videos(args.tool, args.count, Path(folder))
        return cycles(args.count, Path(folder))


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'load', args)


if __name__ == '__main__':
    sys.exit(main())
