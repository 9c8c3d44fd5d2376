# SPDX-License-Identifier: Apache-2.0
"""Write a checkpoint released by either public implementation in this project's format.

Testing and inference take released files as they are; convert one to keep or to publish it.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'src', type=Path, help="OpenTAD's epoch_N.pth or best.pth, or the original's .pth.tar"
    )
    parser.add_argument('dst', type=Path, help='file to write')
    parser.add_argument(
        '--config',
        help='config of the model; a file for another model is refused '
        'with the list of differences (default: the published config that it fits)',
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def convert(src: Path, config_paths) -> tuple[dict, Path]:
    """A checkpoint in this project's format, and the first of the configs that it fits.

    Raises:
        CheckpointMismatchError: It fits none; the message has the differences from the closest.
    """
    from mmaction.registry import MODELS

    from tmx_plugin.errors import CheckpointMismatchError
    from tmx_plugin.models.checkpoint import load_checkpoint_file, to_plugin_checkpoint
    from tmx_plugin.utils.config_files import read_config_file

    content, errors = load_checkpoint_file(src), []
    for path in config_paths:
        try:
            model = MODELS.build(read_config_file(path).model)
            return to_plugin_checkpoint(content, model, src), path
        except CheckpointMismatchError as error:
            errors.append(CheckpointMismatchError(f'{Path(path).stem}: {error}'))
    raise min(errors, key=lambda error: str(error).count('\n'))


def run(args) -> None:
    import torch

    import tmx_plugin  # noqa: F401
    from tmx_plugin.utils.files import atomic_write

    published = Path(__file__).resolve().parents[2] / 'configs/temporalmaxer'
    checkpoint, config = convert(
        args.src, [args.config] if args.config else sorted(published.glob('*.py'))
    )
    with atomic_write(args.dst, 'wb') as file:
        torch.save(checkpoint, file)
    print(f'{args.dst}: {len(checkpoint["state_dict"])} tensors, for {config}')


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'released_checkpoint', args)


if __name__ == '__main__':
    sys.exit(main())
