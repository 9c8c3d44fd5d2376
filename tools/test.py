# SPDX-License-Identifier: Apache-2.0
"""Test a checkpoint, ours or a released one: the mAP table, and predictions if asked for."""

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
    parser.add_argument('checkpoint_file', nargs='?', metavar='checkpoint', help='checkpoint file')
    parser.add_argument('--checkpoint', help='the same, as an option')
    parser.add_argument('--work-dir', help='folder for logs and metrics (work_dirs/CONFIG_NAME)')
    parser.add_argument('--dump', help='pickle file for the raw predictions (.pkl)')
    parser.add_argument('--show-dir', help='folder for pictures of the predictions')
    parser.add_argument('--show', action='store_true', help='show the pictures in a window')
    parser.add_argument('--interval', type=int, default=1, help='a picture of every n-th video')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds to show a picture')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='overrides of the config, e.g. model.test_cfg.sigma=0.4',
    )
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
    args = parser.parse_args(argv)
    given = [path for path in (args.checkpoint_file, args.checkpoint) if path]
    if len(set(given)) != 1:
        parser.error('give one checkpoint, as the second argument or as --checkpoint FILE')
    if args.dump and not args.dump.endswith(('.pkl', '.pickle')):
        parser.error(f'--dump writes a pickle file: expected a name in .pkl, got {args.dump}')
    args.checkpoint = given[0]
    return args


def merge_args(cfg, args) -> None:
    """Apply the options that concern testing to the config."""
    if args.show or args.show_dir:
        cfg.default_hooks.visualization.update(
            enable=True,
            show=args.show,
            wait_time=args.wait_time,
            out_dir=args.show_dir,
            interval=args.interval,
        )
    if args.dump:
        evaluators = cfg.test_evaluator
        evaluators = list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]
        cfg.test_evaluator = [*evaluators, dict(type='DumpResults', out_file_path=args.dump)]
    cfg.load_from = args.checkpoint
    cfg.resume = False


def run(args) -> None:
    from tmx_plugin.engine import launch
    from tmx_plugin.engine.hooks.run_folder_hook import ended_workers
    from tmx_plugin.engine.settings.options import COUNT, OUT_FILE, check_options
    from tmx_plugin.engine.settings.rules import number

    check_options(args, interval=COUNT, wait_time=number(0), dump=OUT_FILE)
    cfg = launch.load_config(args, ROOT)
    merge_args(cfg, args)
    with launch.explained_end(cfg.work_dir):
        runner = launch.build_runner(cfg)
        with ended_workers(runner):
            runner.test()


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'test', args)


if __name__ == '__main__':
    sys.exit(main())
