# SPDX-License-Identifier: Apache-2.0
"""Plot what training logged: losses, learning rate, mAP, of one run or several.

Example::

    python tools/analysis/plot_logs.py work_dirs/thumos_i3d work_dirs/other --out curves.png

A run is a work directory, in which parts of a resumed training are put together, or one
``scalars.json``. (MMAction2's ``analyze_logs.py`` reads the logs of its versions before 1.0 only.)
"""

import argparse
import json
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))
KEYS = ('loss', 'loss_cls', 'loss_reg', 'lr', 'grad_norm', 'average_mAP')


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', nargs='+', metavar='RUN', help='work directory or scalars.json')
    parser.add_argument(
        '--keys',
        nargs='+',
        metavar='KEY',
        help=f'what to plot (default: those logged of {", ".join(KEYS)})',
    )
    parser.add_argument('--out', default='curves.png', help='picture to write (curves.png)')
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def read_run(path) -> dict:
    """Read the scalars of a run.

    Args:
        path (str | Path): Work directory or ``scalars.json``.

    Returns:
        dict[str, list[tuple[float, float]]]: (epoch, value) pairs of each key, by epoch. Values
        within an epoch lie at fractions of it.

    Raises:
        MissingFileError: Nothing was logged there.
    """
    from tmx_plugin.errors import MissingFileError
    from tmx_plugin.utils.text_files import is_finite, read_text

    path = Path(path)
    files = [path] if path.is_file() else sorted(path.glob('*/vis_data/scalars.json'))
    if not files:
        raise MissingFileError(f'{path}: expected TIME/vis_data/scalars.json in it, found none')
    train, val = {}, {}
    for file in files:
        lines = read_text(file, allow_empty=True).splitlines()
        for number, line in enumerate(lines, 1):
            entry = _entry(file, number, line)
            if entry is None:
                continue
            # Training counts iterations and validation epochs. What a resumed run repeats
            # replaces what was logged before it was stopped.
            (train if 'epoch' in entry else val)[entry['step']] = entry
    per_epoch = max((entry['step'] / entry['epoch'] for entry in train.values()), default=1)
    curves = {}
    for entries, unit in ((train, per_epoch), (val, 1)):
        for step, entry in sorted(entries.items()):
            for key, value in entry.items():
                if key not in ('step', 'epoch', 'iter') and is_finite(value):
                    curves.setdefault(key, []).append((step / unit, value))
    return curves


def _entry(file, number: int, line: str):
    """One line of a log; None where nothing can be drawn of it, with a word on it."""
    from tmx_plugin.utils.text_files import is_finite

    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if (
        isinstance(entry, dict)
        and is_finite(entry.get('step'))
        and ('epoch' not in entry or is_finite(entry['epoch']) and entry['epoch'] > 0)
    ):
        return entry
    print(
        f'{file}:{number}: left out: expected an object with "step", found {line[:80]!r}',
        file=sys.stderr,
    )
    return None


def draw(runs: dict, keys, out) -> None:
    """One panel a key with one line a run."""
    from matplotlib.figure import Figure

    from tmx_plugin.utils.files import atomic_write

    columns = min(3, len(keys))
    rows = math.ceil(len(keys) / columns)
    figure = Figure(figsize=(4.5 * columns, 3 * rows), layout='constrained')
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, key in zip(axes, keys):
        for name, curves in runs.items():
            if key in curves:
                axis.plot(*zip(*curves[key]), label=name, marker='.' if 'mAP' in key else None)
        axis.set(title=key, xlabel='epoch')
        axis.grid(alpha=0.3)
    for axis in axes[len(keys) :]:
        axis.remove()
    if len(runs) > 1:
        axes[0].legend()
    with atomic_write(out, 'wb') as file:
        figure.savefig(file, format=Path(out).suffix[1:] or 'png')


def run(args) -> None:
    from tmx_plugin.errors import ConfigError, DataError

    runs = {str(path): read_run(path) for path in args.runs}
    logged = set().union(*runs.values())
    if not logged:
        raise DataError(f'{", ".join(args.runs)}: expected logged values, found none')
    unknown = sorted(set(args.keys or ()) - logged)
    if unknown:
        raise ConfigError(
            f'{", ".join(unknown)} was not logged; there are {", ".join(sorted(logged))}'
        )
    draw(runs, args.keys or [key for key in KEYS if key in logged], args.out)
    for name, curves in runs.items():
        if 'average_mAP' in curves:
            epoch, best = max(curves['average_mAP'], key=lambda pair: pair[1])
            print(f'{name}: best average_mAP {best:.2f} at epoch {epoch:.0f}')
    print(args.out)


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'plot_logs', args)


if __name__ == '__main__':
    sys.exit(main())
