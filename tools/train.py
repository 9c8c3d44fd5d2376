# SPDX-License-Identifier: Apache-2.0
"""Train a localizer: MMAction2's options, under torchrun, mim or plain python."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None):
    from mmengine.config import DictAction  # without torch, so -h stays quick

    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='torchrun is detected automatically; without a GPU its processes talk over gloo.',
    )
    parser.add_argument('config', help='config file, or the name of one of this package')
    parser.add_argument(
        '--work-dir', help='folder for logs and checkpoints (work_dirs/CONFIG_NAME)'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='last',
        metavar='CHECKPOINT',
        help='resume from this checkpoint, or without a value from the newest whole one in the '
        'work directory; "auto" starts anew where there is none',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='automatic mixed precision: float16 on a GPU, bfloat16 on a CPU',
    )
    parser.add_argument('--no-validate', action='store_true', help='train without validation')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the real over the original batch size',
    )
    _add_randomness(parser)
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='overrides of the config, e.g. optim_wrapper.optimizer.lr=1e-3',
    )
    _add_machine(parser)
    return parser.parse_args(argv)


def _add_machine(parser) -> None:
    parser.add_argument(
        '--device', help='cpu, cuda, cuda:1, mps (default: a GPU where there is one, else cpu)'
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes',
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def _add_randomness(parser) -> None:
    parser.add_argument('--seed', type=int, help='random seed')
    parser.add_argument(
        '--diff-rank-seed', action='store_true', help='a different seed in each process'
    )
    parser.add_argument(
        '--deterministic', action='store_true', help='deterministic algorithms on a GPU'
    )


def merge_args(cfg, args) -> None:
    """Apply the options that concern training to the config."""
    from tmx_plugin.engine import launch

    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        launch.use_mixed_precision(cfg)
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume in ('auto', 'last') else args.resume
    if args.auto_scale_lr:
        cfg.auto_scale_lr.enable = True
    randomness = dict(cfg.get('randomness') or {})
    if args.seed is not None:
        randomness['seed'] = args.seed
    for option in ('diff_rank_seed', 'deterministic'):
        if getattr(args, option):
            randomness[option] = True
    if randomness:
        cfg.randomness = randomness


def run(args) -> None:
    from tmx_plugin.engine import launch
    from tmx_plugin.engine.hooks.run_folder_hook import ended_workers

    cfg = launch.load_config(args, ROOT)
    merge_args(cfg, args)
    with launch.explained_end(cfg.work_dir, training=True):
        launch.hold_work_dir(cfg, must_resume=args.resume == 'last')
        runner = launch.build_runner(cfg)
        with ended_workers(runner):
            runner.train()


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'train', args)


if __name__ == '__main__':
    sys.exit(main())
