# SPDX-License-Identifier: Apache-2.0
"""Largest differences between this project and numbers measured from the public implementation."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'golden_dir',
        type=Path,
        help='folder of model_*.npz, nms_*.npz and map_*.json.gz files measured from the reference',
    )
    parser.add_argument(
        '--config-dir',
        type=Path,
        default=Path(__file__).parents[2] / 'configs',
        help='folder of the configs to compare (default: those beside the tools)',
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def largest_differences(golden_dir: Path, config_dir: Path, progress=iter) -> list:
    """Rows (quantity, largest difference over all files, limit) in the order of the pipeline."""
    from measurements.golden import GoldenModel
    from measurements.parity_detections import (
        detection_differences,
        map_differences,
        nms_differences,
    )
    from measurements.parity_model import (
        Difference,
        assignment_differences,
        loss_differences,
        network_differences,
        training_differences,
    )

    from tmx_plugin.errors import MissingFileError

    files = [
        path
        for pattern in ('model_*.npz', 'nms_*.npz', 'map_*.json.gz')
        for path in sorted(golden_dir.glob(pattern))
    ]
    if not files:
        raise MissingFileError(f'{golden_dir}: holds none of model_*.npz, nms_*.npz, map_*.json.gz')
    largest: dict = {}
    for path in progress(files):
        if path.name.startswith('nms'):
            rows = nms_differences(path)
        elif path.name.startswith('map'):
            rows = map_differences(path)
        else:
            golden = GoldenModel.load(path)
            model = golden.build(config_dir)
            rows = [
                *network_differences(golden, model),
                *assignment_differences(golden, model),
                *loss_differences(golden, config_dir),
            ]
            if 'steps14/lr' in golden.arrays:
                rows += training_differences(golden, config_dir)
            rows += detection_differences(golden, model)
        for row in rows:
            if row.quantity not in largest or row.value > largest[row.quantity].value:
                largest[row.quantity] = row
    return [Difference(*row) for row in largest.values()]


def run(args) -> int:
    import logging

    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    import tmx_plugin  # noqa: F401

    logging.disable(logging.WARNING)  # the runner's own lines, once for each model
    rows = largest_differences(
        args.golden_dir, args.config_dir, lambda files: track(files, 'comparing', transient=True)
    )
    table = Table('quantity', 'largest difference', 'limit', '')
    for row in rows:
        verdict = 'ok' if row.value <= row.limit else 'DIFFERS'
        table.add_row(row.quantity, f'{row.value:.2g}', f'{row.limit:.2g}', verdict)
    Console().print(table)
    return int(any(not row.value <= row.limit for row in rows))


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'parity', args)


if __name__ == '__main__':
    sys.exit(main())
