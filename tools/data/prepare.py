# SPDX-License-Identifier: Apache-2.0
"""Prepare a public data set from the archives or folders that its publishers offer.

Writes annotations and class lists, links the features, and checks the result. Exit status: 0
nothing is wrong, 1 the check found problems or the sources are not those of the data set.

Examples::

    python tools/data/prepare.py thumos14 thumos.tar.gz
    python tools/data/prepare.py epic_kitchens annotations.zip features_folder
    python tools/data/prepare.py gtea data.zip
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))

NAMES = ('thumos14', 'multithumos', 'epic_kitchens', 'gtea', '50salads', 'breakfast')


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('name', choices=NAMES, help='the data set')
    parser.add_argument(
        'sources',
        nargs='+',
        metavar='SRC',
        help='archives (.tar, .tar.gz, .zip), folders or annotation files',
    )
    parser.add_argument(
        '--out', metavar='DIR', help="its folder (default: the config's, data/NAME)"
    )
    parser.add_argument(
        '--no-values', action='store_true', help='in the check, do not look for NaN in all features'
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def _check(config: str, root: Path, values: bool, console) -> int:
    """Print what the check of a config on the prepared data finds; the number of errors."""
    from tmx_plugin.checker.output import print_report
    from tmx_plugin.checker.splits import ModelFacts, check_split, compare_splits, split_configs
    from tmx_plugin.engine.launch import read_config

    cfg = read_config(config, ROOT)
    model = ModelFacts.of(cfg)
    reports = [
        check_split(split, dict(dataset, data_root=str(root)), model, values=values)
        for split, parts in split_configs(cfg, ('train', 'val')).items()
        for dataset in parts
    ]
    across = compare_splits(reports)
    print_report(reports, across, console)
    return sum(finding.level == 'error' for report in reports for finding in report.findings) + sum(
        each.level == 'error' for each in across
    )


def run(args) -> int:
    from rich.console import Console

    from tmx_plugin.datasets.preparation import prepare

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    prepared = prepare(args.name, args.sources, args.out)
    for note in prepared.notes:
        print(note)
    problems = 0
    for config in prepared.configs:
        print(f'\n{config}:')
        problems += _check(config, prepared.root, not args.no_values, console)
    print(f'{problems or "no"} problem{"" if problems == 1 else "s"} found')
    return int(bool(problems))


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'prepare', args)


if __name__ == '__main__':
    sys.exit(main())
