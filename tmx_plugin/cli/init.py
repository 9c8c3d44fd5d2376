# SPDX-License-Identifier: Apache-2.0
"""Write a ready config for features and annotations of your own.

Classes, channels, window, levels, regression ranges, schedule and loss normalizer are derived from
the files; comments in the config say how. Where the features lie on the time axis comes from the
side files that `tmx extract` writes, or from the options.

Examples:
  tmx init features/ annotations.json --out mine.py
  tmx init i3d/ annotations.json --fps 30 --feature-stride 4 --offset-frames 8 --out mine.py
  tmx train mine.py
"""

import argparse
from pathlib import Path


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float('inf'):
        raise argparse.ArgumentTypeError(f'expected a positive number, found {text}')
    return value


def parse_args(argv=None):
    """Arguments of ``tmx init``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('features', help='folder of one feature file a video')
    parser.add_argument('annotations', help='json, as tmx convert writes it')
    parser.add_argument('--out', required=True, metavar='FILE', help='config to write (.py)')
    parser.add_argument('--fps', type=_positive, help='frames a second')
    parser.add_argument(
        '--feature-stride', type=_positive, metavar='S', help='frames from one feature to the next'
    )
    parser.add_argument(
        '--offset-frames',
        type=float,
        metavar='O',
        help='frame at the center of the first feature: half of a clip',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace an existing FILE')
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    args = parser.parse_args(argv)
    if not args.out.endswith('.py'):
        parser.error(f'--out: expected a name in .py, found {args.out}')
    return args


def run(args) -> int:
    """Derive and write the config."""
    from tmx_plugin.checker.own_data import derive
    from tmx_plugin.errors import ConfigError
    from tmx_plugin.utils.files import atomic_write

    from .config_text import config_text

    out = Path(args.out)
    if out.exists() and not args.overwrite:
        raise ConfigError(f'{out}: exists; choose another name or add --overwrite')
    data = derive(
        args.features,
        args.annotations,
        fps=args.fps,
        feature_stride=args.feature_stride,
        offset_frames=args.offset_frames,
    )
    text = config_text(data, out)
    with atomic_write(out) as file:
        file.write(text)
    print(
        f'{out}: {data.num_classes} classes, {data.in_channels} channels, {len(data.ranges)} '
        f'levels, windows of {data.window}, {data.epochs} epochs\nnext: tmx train {out}'
    )
    return 0


def main(argv=None) -> int:
    """Run ``tmx init``."""
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'init', args)
