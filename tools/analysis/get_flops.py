#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Count the parameters of a model and its multiply-adds for one video.

    python tools/analysis/get_flops.py configs/temporalmaxer/thumos_i3d.py

Multiply-adds are those of convolutions and matrix products, as torch counts them; norms,
activations and max-pooling are below one percent. Of a model with a video backbone, what comes
after the backbone is counted.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None):
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file, or the name of one of this package')
    parser.add_argument(
        '--length', type=int, default=2304, help='grid steps of the video (default: 2304)'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='overrides of the config',
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    args = parser.parse_args(argv)
    if args.length < 1:
        parser.error(f'--length must be positive, not {args.length}')
    return args


def complexity(model, length: int) -> list:
    """Rows (part, parameters, multiply-adds) of neck, head and both."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    # No weights and no features are needed, only their shapes.
    model = model.to('meta').eval()
    features = torch.empty(1, model.neck.in_channels, length, device='meta')
    masks = torch.ones(1, length, dtype=torch.bool, device='meta')
    rows = []
    with torch.no_grad():
        with FlopCounterMode(display=False) as counter:
            levels = model.neck(features, masks)
        rows.append(('neck', model.neck, counter.get_total_flops()))
        with FlopCounterMode(display=False) as counter:
            model.head(*levels)
        rows.append(('head', model.head, counter.get_total_flops()))
    # An operation of torch's count is a multiplication or an addition.
    rows = [
        (name, sum(p.numel() for p in part.parameters()), flops // 2) for name, part, flops in rows
    ]
    return [*rows, ('neck and head', *(sum(column) for column in list(zip(*rows))[1:]))]


def run(args) -> None:
    from rich.console import Console
    from rich.table import Table

    from tmx_plugin.apis import init_localizer
    from tmx_plugin.engine.launch import read_config

    cfg = read_config(args.config, ROOT, args.cfg_options)
    table = Table('part', 'parameters', f'multiply-adds at T = {args.length}')
    for name, parameters, multiply_adds in complexity(init_localizer(cfg), args.length):
        table.add_row(name, f'{parameters:,}', f'{multiply_adds / 1e9:.2f} G')
    Console().print(table)


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'get_flops', args)


if __name__ == '__main__':
    sys.exit(main())
