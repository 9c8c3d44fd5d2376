# SPDX-License-Identifier: Apache-2.0
"""Train and test a small model on synthetic data, in about two minutes on a CPU.

Writes into FOLDER: data/synthetic, the checkpoints, predictions.json and a timeline. Steps that
are complete are not repeated.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from .commands import PACKAGE

CONFIG = 'synthetic'
ANNOTATIONS = Path('data/synthetic/annotations/synthetic.json')


def parse_args(argv=None):
    """Arguments of the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'folder',
        nargs='?',
        default='tmx_demo',
        help='folder to work in; created if missing (default: tmx_demo)',
    )
    parser.add_argument(
        '--epochs', type=int, metavar='N', help='train N epochs only (default: as the config says)'
    )
    parser.add_argument('--device', help='cpu, cuda, cuda:1, mps (default: a GPU if there is one)')
    args = parser.parse_args(argv)
    if args.epochs is not None and args.epochs < 1:
        parser.error(f'--epochs must be positive, not {args.epochs}')
    return args


def step(folder: Path, *arguments: str) -> None:
    """Print a command of ``tmx`` and run it in the folder.

    Raises:
        SystemExit: With the command's status, if it fails.
    """
    print(f'\n$ {shlex.join(["tmx", *arguments])}', flush=True)
    command = [sys.executable, str(PACKAGE.with_name('tmx_start.py')), *arguments]
    status = subprocess.run(command, cwd=folder).returncode
    if status:
        raise SystemExit(status)


def main(argv=None) -> int:
    """Make the data, train, test and draw."""
    args = parse_args(argv)
    folder, work = Path(args.folder), Path('work')
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f'demo: {folder}: {error.strerror}', file=sys.stderr)
        return 1
    if not (folder / ANNOTATIONS).is_file():
        step(folder, 'synthetic', 'data/synthetic', '--seed', '0')
    device = ['--device', args.device] if args.device else []
    done = folder / work / 'trained'  # last_checkpoint exists from the first epoch on
    if not done.is_file():
        shutil.rmtree(folder / work, ignore_errors=True)
        short = ['--cfg-options', f'train_cfg.max_epochs={args.epochs}'] if args.epochs else []
        step(folder, 'train', CONFIG, '--work-dir', str(work), '--seed', '0', *device, *short)
        done.touch()
    checkpoint = Path((folder / work / 'last_checkpoint').read_text(encoding='utf-8'))
    predictions = work / 'predictions.json'
    step(
        folder,
        'test',
        CONFIG,
        str(work / checkpoint.name),
        '--work-dir',
        str(work),
        *device,
        '--cfg-options',
        f'test_evaluator.out_file={predictions}',
        'test_evaluator.classwise=True',
    )
    step(
        folder,
        'timeline',
        str(predictions),
        str(ANNOTATIONS),
        '--out',
        str(work / 'timelines'),
        '--videos',
        'val_0000',
    )
    print(f'\nPredictions: {folder / predictions}')
    print(f'Timeline:    {folder / work / "timelines" / "val_0000.png"}')
    return 0
