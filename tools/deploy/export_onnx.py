# SPDX-License-Identifier: Apache-2.0
"""Write a localizer as an ONNX graph, and check it against ONNX Runtime.

Batch and time are dynamic. Inputs: features (B, C, T) float32 and masks (B, T) bool. Outputs, over
the N points of all levels: logits (B, N, K) before the sigmoid, segments (B, N, 2) in grid steps,
valid (B, N) bool. tools/infer.py takes the file in the place of a checkpoint.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None):
    from mmengine.config import DictAction  # without torch, so -h stays quick

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of the localizer: a file, or a name of this package')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('out', help='the .onnx file to write')
    parser.add_argument('--opset', type=int, default=17, help='ONNX operator set (17)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='overrides of the config',
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def run(args) -> None:
    from tmx_plugin.apis import init_localizer
    from tmx_plugin.apis.onnx_localizer import export_onnx
    from tmx_plugin.engine.launch import find_config

    model = init_localizer(
        find_config(args.config, ROOT), args.checkpoint, cfg_options=args.cfg_options
    )
    difference = export_onnx(model, args.out, model.dataset_meta.get('classes'), args.opset)
    print(f'{args.out}: ONNX Runtime gives the same class logits to {difference:.1e}')


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'export_onnx', args)


if __name__ == '__main__':
    sys.exit(main())
