# SPDX-License-Identifier: Apache-2.0
"""Clip features of whole videos, with any MMAction2 recognizer.

Clip i covers the frames i * stride .. i * stride + clip_len - 1; the side file NAME.json says
so to the datasets. A video shorter than a clip gets one clip, its last frame repeated. Exit status:
0 when every video has its features, 1 when some failed.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None):
    from mmengine.config import DictAction  # without torch, so -h stays quick

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('input', help='a video, a folder of videos, or a .txt with one a line')
    parser.add_argument('out', help='folder for NAME.npy and NAME.json')
    parser.add_argument(
        '--config',
        required=True,
        help='recognizer: a file, a name of this package (i3d_rgb, ...) or '
        'mmaction::recognition/...; with --extractor-weights a localizer (thumos_i3d, ...)',
    )
    parser.add_argument('--checkpoint', help='its weights, file or URL')
    parser.add_argument(
        '--random-weights', action='store_true', help='go without a checkpoint (to try it out)'
    )
    parser.add_argument(
        '--extractor-weights',
        nargs='+',
        metavar='FILE',
        help='weights, as published, of the networks that the config of a localizer names as the '
        'source of its features; clips, stride and rate are those of that config',
    )
    _add_clips(parser)
    parser.add_argument('--batch-size', type=int, default=8, help='clips at once (8)')
    parser.add_argument('--device', help='cpu, cuda, cuda:1, mps (default: a GPU if there is one)')
    parser.add_argument('--overwrite', action='store_true', help='make complete ones again')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='overrides of the config, e.g. model.backbone.num_segments=16',
    )
    _add_machine(parser)
    args = parser.parse_args(argv)
    _check(parser, args)
    return args


def _check(parser, args) -> None:
    if args.checkpoint is None and not (args.random_weights or args.extractor_weights):
        parser.error('give --checkpoint, or --random-weights to try it out without one')
    given = [
        name
        for name in (
            'checkpoint',
            'random_weights',
            'clip_len',
            'stride',
            'fps',
            'frames_per_clip',
            'cfg_options',
        )
        if getattr(args, name)
    ]
    if args.extractor_weights and given:
        parser.error(f'--extractor-weights leaves --{given[0].replace("_", "-")} to the config')


def _add_machine(parser) -> None:
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='share the videos out to the processes it started (torchrun: automatic)',
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)


def _add_clips(parser) -> None:
    parser.add_argument(
        '--flow', metavar='METHOD', help='optical flow: tvl1, raft, dis, or a folder of flow images'
    )
    parser.add_argument('--flow-weights', metavar='FILE', help="RAFT's (default: torchvision's)")
    parser.add_argument('--clip-len', type=int, help='frames of a clip (16)')
    parser.add_argument('--stride', type=int, help='frames between clips (4)')
    parser.add_argument(
        '--frames-per-clip',
        type=int,
        help='frames of a clip the recognizer sees, spread evenly (default: the number it is '
        'built for, else all)',
    )
    parser.add_argument('--fps', type=float, help='resample to this frame rate (default: no)')


def make_extractor(args, device: str):
    """The extractor that the options describe."""
    from tmx_plugin.apis.extractors import read_recipe, recipe_extractor
    from tmx_plugin.features.extractor import FeatureExtractor
    from tmx_plugin.features.flow import open_flow

    if args.extractor_weights:
        return recipe_extractor(
            read_recipe(args.config),
            args.extractor_weights,
            flow=args.flow,
            flow_weights=args.flow_weights,
            device=device,
            batch_size=args.batch_size,
        )
    return FeatureExtractor.from_config(
        args.config,
        args.checkpoint,
        clip_len=args.clip_len or 16,
        stride=args.stride or 4,
        flow=args.flow and open_flow(args.flow, args.flow_weights, device),
        fps=args.fps,
        frames_per_clip=args.frames_per_clip,
        batch_size=args.batch_size,
        device=device,
        cfg_options=args.cfg_options,
    )


def run(args) -> int:
    from mmengine.registry import init_default_scope

    from tmx_plugin.apis.batch import extract_videos, process_rank, wait_for_all
    from tmx_plugin.engine.launch import infer_launcher
    from tmx_plugin.engine.settings.options import COUNT, RATE, check_options
    from tmx_plugin.features.storage import find_files
    from tmx_plugin.utils.devices import resolve_device

    check_options(args, batch_size=COUNT, clip_len=COUNT, stride=COUNT, fps=RATE)
    init_default_scope('mmaction')
    launcher = infer_launcher(args.launcher)
    rank, world_size, local_rank = process_rank(launcher)
    device = resolve_device(args.device)
    if launcher != 'none' and device == 'cuda':
        device = f'cuda:{local_rank}'
    found, clashes = find_files(args.input)
    videos = found[rank::world_size]
    extractor = make_extractor(args, device)
    failed = extract_videos(
        extractor, videos, Path(args.out), overwrite=args.overwrite, show_progress=rank == 0
    )
    if rank == 0:
        for reason in clashes.values():
            print(f'left out: {reason}', file=sys.stderr)
        failed += clashes
    if failed:
        print(
            f'{len(failed)} of {len(videos) + len(clashes)} videos failed: {", ".join(failed)}',
            file=sys.stderr,
        )
    wait_for_all(launcher)
    return int(bool(failed))


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'extract_features', args)


if __name__ == '__main__':
    sys.exit(main())
