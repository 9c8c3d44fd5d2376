# SPDX-License-Identifier: Apache-2.0
"""Check a configuration and all data that it reads, and say what is wrong and what would fit.

Settings come first, and need no data; wrong ones are listed, and the data are not looked at.

Exit status: 0 nothing is wrong (there may be warnings), 1 problems were found, 2 the check could
not run.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None):
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'config',
        help='config file, or the name of one of this package; with '
        '--against also a folder of features',
    )
    parser.add_argument(
        '--against',
        metavar='FOLDER',
        help='compare the features with those of this folder, of the same videos: correlation, '
        'scale, offset in time, zeros; says what differs',
    )
    parser.add_argument(
        '--per-channel',
        metavar='FILE',
        help='with --against: write what was measured of each channel as csv',
    )
    parser.add_argument('--settings', action='store_true', help='check the settings alone')
    parser.add_argument(
        '--safe',
        action='store_true',
        help='check the settings of a .json config '
        'from elsewhere, running no code: types must be registered names',
    )
    parser.add_argument('--split', choices=('train', 'val', 'test'), help='default: all')
    _add_data_options(parser)
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='overrides of the config',
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def _add_data_options(parser) -> None:
    parser.add_argument(
        '--plot',
        metavar='FILE',
        help='picture of durations against regression ranges (.png, .pdf, .svg)',
    )
    parser.add_argument(
        '--no-values',
        action='store_true',
        help='only open the features, do not look for NaN in all their values',
    )
    parser.add_argument(
        '--list',
        action='store_true',
        help='name all videos and files concerned, not only the first',
    )
    parser.add_argument('--strict', action='store_true', help='warnings are problems too')


def _check(args, cfg, console):
    from rich.progress import track

    from tmx_plugin.checker.splits import SPLITS, ModelFacts, check_split, split_configs
    from tmx_plugin.errors import ConfigError

    splits = (args.split,) if args.split else SPLITS
    configs = split_configs(cfg, splits)
    if not configs:
        raise ConfigError(f'{args.config}: expected {" or ".join(splits)}_dataloader, found none')
    model = ModelFacts.of(cfg)
    return [
        check_split(
            split,
            dataset,
            model,
            values=not args.no_values,
            progress=lambda items, split=split: track(
                items, f'{split}: reading features', console=console, transient=True
            ),
        )
        for split, parts in configs.items()
        for dataset in parts
    ]


def _features_folder(args) -> str:
    """The folder given, or that of the config's test (else first) data set."""
    if Path(args.config).is_dir():
        return args.config
    from tmx_plugin.checker.splits import SPLITS, split_configs
    from tmx_plugin.engine.launch import read_config
    from tmx_plugin.errors import ConfigError

    cfg = read_config(args.config, ROOT, args.cfg_options)
    parts = list(split_configs(cfg, (args.split,) if args.split else SPLITS).values())
    prefixes = list((parts[-1][0].get('data_prefix') or {}).values()) if parts else []
    if len(prefixes) != 1:
        raise ConfigError(
            f'{args.config}: its features do not lie in one folder; give the folder '
            'instead of the config'
        )
    return str(Path(parts[-1][0].get('data_root', ''), prefixes[0]))


def _compare(args, console) -> int:
    from tmx_plugin.checker.comparison_output import (
        compare_folders,
        print_comparison,
        write_channels,
    )

    comparison = compare_folders(_features_folder(args), args.against)
    print_comparison(comparison, console)
    if args.per_channel:
        write_channels(comparison, args.per_channel)
        print(f'{args.per_channel} written')
    return 1 if comparison.findings else 0


def _plot(reports, path: str) -> None:
    from tmx_plugin.checker.output import plot_durations

    drawn = next(
        (
            report
            for report in reports
            if report.coverage is not None and len(report.coverage.matched)
        ),
        None,
    )
    if drawn is None:
        print(f'{path} not drawn: no segments on a grid that fits', file=sys.stderr)
    else:
        plot_durations(drawn, path)
        print(f'{path} written')


def run(args) -> int:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    if args.against:
        return _compare(args, console)
    from tmx_plugin.engine.launch import read_config
    from tmx_plugin.engine.settings import config_faults
    from tmx_plugin.engine.settings.safe import read_data_config

    cfg = (
        read_data_config(args.config)
        if args.safe
        else read_config(args.config, ROOT, args.cfg_options)
    )
    faults = config_faults(cfg, safe=args.safe)
    if faults or args.settings or args.safe:
        print(
            '\n'.join(
                [
                    *faults,
                    f'{len(faults) or "no"} wrong setting{"" if len(faults) == 1 else "s"} found',
                ]
            )
        )
        return int(bool(faults))
    reports = _check(args, cfg, console)
    from tmx_plugin.checker.output import print_report
    from tmx_plugin.checker.splits import compare_splits

    across = compare_splits(reports)
    print_report(reports, across, console, list_all=args.list)
    if args.plot:
        _plot(reports, args.plot)
    bad = {'error', 'warning'} if args.strict else {'error'}
    found = [finding for report in reports for finding in report.findings] + across
    problems = sum(finding.level in bad for finding in found)
    print(f'{problems or "no"} problem{"" if problems == 1 else "s"} found')
    return 1 if problems else 0


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'check_dataset', args, failure=2)


if __name__ == '__main__':
    sys.exit(main())
