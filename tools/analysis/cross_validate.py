# SPDX-License-Identifier: Apache-2.0
"""Train and test every split and seed, and compare variants of the settings.

Stopped runs go on where they were: give the same command again. The first variant is the config as
it is, called "base"; each --set adds one.

Examples::

    python tools/analysis/cross_validate.py gtea_scnn --work-dir cv --seeds 1 2 3
    python tools/analysis/cross_validate.py mine.py --folds 5 --work-dir cv
    python tools/analysis/cross_validate.py gtea_scnn salads50_scnn --work-dir cv \
        --set smooth model.head.loss_cls.label_smoothing=0.1
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))

BASE = 'base'


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'configs', nargs='+', metavar='CONFIG', help='config files, or names of this package'
    )
    parser.add_argument('--work-dir', required=True, help='folder of all runs')
    _add_plan(parser)
    parser.add_argument('--jobs', type=int, default=1, help='runs side by side (1)')
    parser.add_argument('--json', metavar='FILE', help='results (default: WORK_DIR/results.json)')
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    args = parser.parse_args(argv)
    if args.jobs < 1:
        parser.error(f'--jobs must be at least 1, not {args.jobs}')
    names = [BASE, *(item[0] for item in args.set)]
    if len(set(names)) < len(names) or any('=' in name for name in names):
        parser.error(f'--set takes a name of its own and KEY=VALUE, got the names {names[1:]}')
    return args


def _add_plan(parser) -> None:
    parser.add_argument(
        '--splits',
        nargs='+',
        metavar='SPLIT',
        help='only these of the splits that the config lists in cross_validation',
    )
    parser.add_argument(
        '--folds',
        type=int,
        metavar='K',
        help='draw K folds of all videos of the annotation file instead',
    )
    parser.add_argument(
        '--only',
        nargs=3,
        action='append',
        default=[],
        metavar=('CONFIG', 'SPLITS', 'SEEDS'),
        help='the runs of one of several configs, e.g. --only gtea_scnn 3,4 1,2,3',
    )
    parser.add_argument('--seeds', nargs='+', type=int, default=[0], help='seeds (0)')
    parser.add_argument(
        '--set',
        nargs='+',
        action='append',
        default=[],
        metavar=('NAME', 'KEY=VALUE'),
        help='a variant: its name and overrides',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='overrides of all variants',
    )


def make_plan(args) -> list:
    """All runs that the options ask for."""
    from tmx_plugin.engine.cross_validation import make_folds, plan, splits_of
    from tmx_plugin.engine.launch import find_config, read_config
    from tmx_plugin.errors import ConfigError

    configs = {}
    for name in args.configs:
        cfg, path = read_config(name, ROOT), str(find_config(name, ROOT))
        if args.folds:
            dataset = cfg.train_dataloader.dataset
            configs[path] = make_folds(
                os.path.join(dataset.get('data_root') or '', dataset.ann_file),
                args.folds,
                Path(args.work_dir, 'folds', Path(path).stem),
            )
        else:
            configs[path] = splits_of(cfg)
        if args.splits:
            unknown = [split for split in args.splits if split not in configs[path]]
            if unknown:
                raise ConfigError(
                    f'{name}: expected splits among {", ".join(configs[path])}, got {unknown[0]}'
                )
            configs[path] = {split: configs[path][split] for split in args.splits}
    chosen = chosen_runs(args.only, configs)
    seeds = [seed for _, seeds in chosen.values() for seed in seeds]
    variants = {BASE: (), **{name: tuple(options) for name, *options in args.set}}
    variants = {name: (*args.cfg_options, *options) for name, options in variants.items()}
    runs = plan(configs, variants, list(dict.fromkeys([*args.seeds, *seeds])), Path(args.work_dir))
    every = None, args.seeds
    return [
        run
        for run in runs
        for splits, seeds in (chosen.get(Path(run.config).stem, every),)
        if run.seed in seeds and (splits is None or run.split in splits)
    ]


def chosen_runs(only: list, configs: dict) -> dict:
    """Splits and seeds of the configs that --only names, by name of the config."""
    from tmx_plugin.errors import ConfigError

    known = {Path(path).stem: splits for path, splits in configs.items()}
    chosen = {}
    for name, splits, seeds in only:
        stem = Path(name).stem
        if stem not in known:
            raise ConfigError(f'--only {name}: expected one of {", ".join(known)}')
        unknown = [split for split in splits.split(',') if split not in known[stem]]
        if unknown or not all(seed.isdigit() for seed in seeds.split(',')):
            raise ConfigError(
                f'--only {name}: expected splits among {",".join(known[stem])} and whole numbers '
                f'as seeds, got {splits} and {seeds}'
            )
        chosen[stem] = splits.split(','), [int(seed) for seed in seeds.split(',')]
    return chosen


def train(run, jobs: int):
    """Result of a run, which is trained to its end where it is not."""
    from tmx_plugin.errors import LaunchError

    done = run.result()
    if done is not None:
        return done
    command = [
        sys.executable,
        str(ROOT / 'tools' / 'train.py'),
        run.config,
        '--work-dir',
        str(run.work_dir),
        '--seed',
        str(run.seed),
    ]
    if (run.work_dir / 'last_checkpoint').is_file():
        command += ['--resume']
    if run.options:
        command += ['--cfg-options', *run.options]
    run.work_dir.mkdir(parents=True, exist_ok=True)
    threads = max((os.cpu_count() or 1) // jobs, 1)
    with open(run.work_dir / 'train.log', 'a', encoding='utf-8') as log:
        status = subprocess.run(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={'OMP_NUM_THREADS': str(threads), **os.environ},
        ).returncode
    if status:
        raise LaunchError(f'{run.work_dir}: training ended with status {status}; see train.log')
    return run.finish()


def summarize(results: dict) -> dict:
    """Means, deviations and differences from the first variant.

    Args:
        results (dict): ``{variant: {(data set, split, seed): average mAP}}``.
    """
    import numpy as np

    from tmx_plugin.evaluation.functional.paired import paired_difference

    base = next(iter(results))
    summary = {}
    for variant, values in results.items():
        sets = {}
        for name in dict.fromkeys(key[0] for key in values):
            found = [value for key, value in values.items() if key[0] == name]
            sets[name] = dict(
                mean=float(np.mean(found)),
                count=len(found),
                std=float(np.std(found, ddof=1)) if len(found) > 1 else None,
            )
            if variant != base:
                sets[name]['difference'] = paired_difference(
                    *(
                        {key: value for key, value in results[each].items() if key[0] == name}
                        for each in (base, variant)
                    )
                )._asdict()
        summary[variant] = dict(sets=sets, mean=float(np.mean([s['mean'] for s in sets.values()])))
        if variant != base:
            summary[variant]['difference'] = paired_difference(results[base], values)._asdict()
    return summary


def print_table(summary: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title='average mAP: mean and standard deviation over splits and seeds')
    for header in ('variant', 'data set', 'runs', 'mean', 'std', 'difference', '95 % interval'):
        table.add_column(header, justify='left' if header in ('variant', 'data set') else 'right')
    for variant, entry in summary.items():
        rows = {**entry['sets'], 'all': entry} if len(entry['sets']) > 1 else entry['sets']
        for name, row in rows.items():
            gain = row.get('difference')
            table.add_row(
                variant,
                name,
                str(row.get('count', '')),
                f'{row["mean"]:.2f}',
                '' if row.get('std') is None else f'{row["std"]:.2f}',
                f'{gain["mean"]:+.2f}' if gain else '',
                f'{gain["low"]:+.2f} to {gain["high"]:+.2f}' if gain else '',
            )
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def run(args) -> None:
    from rich.progress import track

    from tmx_plugin.utils.files import atomic_write

    runs = make_plan(args)
    results: dict = {each.variant: {} for each in runs}
    with ThreadPoolExecutor(args.jobs) as pool:
        found = pool.map(lambda each: train(each, args.jobs), runs)
        for each, value in zip(runs, track(found, 'runs', total=len(runs), transient=True)):
            results[each.variant][each.key] = value
    summary = summarize(results)
    print_table(summary)
    path = Path(args.json or Path(args.work_dir, 'results.json'))
    with atomic_write(path) as file:
        json.dump(
            dict(
                summary=summary,
                runs=[
                    dict(
                        variant=variant,
                        data_set=key[0],
                        split=key[1],
                        seed=key[2],
                        average_mAP=value,
                    )
                    for variant, values in results.items()
                    for key, value in values.items()
                ],
            ),
            file,
            indent=1,
        )
    print(f'{path} written')


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'cross_validate', args)


if __name__ == '__main__':
    sys.exit(main())
