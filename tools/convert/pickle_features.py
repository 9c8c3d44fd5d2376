# SPDX-License-Identifier: Apache-2.0
"""Convert pickled features (.pkl, .pickle, .pt with NumPy arrays) to .npy files.

Reading a pickle file RUNS THE CODE IN IT, with all your rights; that is why nothing else here reads
one. Convert only files that you made yourself or whose maker you trust, and say so by
--trust-pickle. Exit status: 0 when all were converted, 1 when some could not be.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))

SUFFIXES = ('.pkl', '.pickle', '.pt', '.pth')


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', type=Path, nargs='+', help='files, or folders of them')
    parser.add_argument(
        '--trust-pickle', action='store_true', help='run whatever code the files contain'
    )
    parser.add_argument('--out', type=Path, help='folder for the .npy files (default: beside)')
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def read_trusted(path: Path):
    """The array in a pickle file. Runs the code in it."""
    import pickle

    import torch

    from tmx_plugin.datasets.feature_io import array_of

    if path.suffix in ('.pt', '.pth'):
        content = torch.load(path, map_location='cpu', weights_only=False)
    else:
        with open(path, 'rb') as file:
            content = pickle.load(file, encoding='latin1')  # as arrays of Python 2 need
    content = array_of(content)
    if isinstance(content, torch.Tensor):
        content = content.detach()
        content = (content.float() if content.dtype == torch.bfloat16 else content).numpy()
    return content


def convert(path: Path, target: Path) -> tuple:
    """Write the features of a trusted file as ``.npy``; returns their shape.

    Raises:
        DataError: It holds no matrix of numbers.
    """
    import numpy as np

    from tmx_plugin.datasets.feature_archives import is_number_type
    from tmx_plugin.errors import DataError
    from tmx_plugin.utils.files import save_array

    array = read_trusted(path)
    if not isinstance(array, np.ndarray) or not is_number_type(array.dtype) or array.ndim != 2:
        raise DataError(f'expected a matrix of numbers, found {type(array).__name__}')
    save_array(target, array)
    return array.shape


def run(args) -> int:
    from tmx_plugin.errors import ConfigError, MissingFileError

    if not args.trust_pickle:
        raise ConfigError(
            'reading a pickle file runs the code in it; give --trust-pickle if you '
            'trust the source of these files, nothing was read'
        )
    paths = [
        path
        for source in args.source
        for path in (
            sorted(p for p in source.iterdir() if p.suffix in SUFFIXES)
            if source.is_dir()
            else [source]
        )
    ]
    if not paths:
        raise MissingFileError(f'{args.source[0]}: no file ends in {", ".join(SUFFIXES)}')
    failed = False
    for path in paths:
        target = (args.out or path.parent) / f'{path.stem}.npy'
        try:
            print(f'{target}: {convert(path, target)}')
        except Exception as error:  # unpickling may raise anything
            failed = True
            print(f'{path}: FAILED: {error or type(error).__name__}', file=sys.stderr)
    return int(failed)


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'pickle_features', args)


if __name__ == '__main__':
    sys.exit(main())
