# SPDX-License-Identifier: Apache-2.0
"""Mean and standard deviation of each channel of the training features, for StandardizeFeatures.

Example::

    python tools/data/fit_standardize.py my_config.py
"""

import argparse
import json
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
        '--out',
        metavar='FILE',
        help='json to write (default: ANNOTATIONS_feature_stats.json beside the annotations)',
    )
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
    import numpy as np
    from mmaction.registry import DATASETS
    from rich.progress import track

    from tmx_plugin.datasets.transforms import LoadFeatures
    from tmx_plugin.datasets.transforms.standardize import channel_statistics, statistics_path
    from tmx_plugin.engine.launch import read_config
    from tmx_plugin.utils.files import atomic_write

    settings = dict(read_config(args.config, ROOT, args.cfg_options).train_dataloader.dataset)
    dataset = DATASETS.build({**settings, 'pipeline': [LoadFeatures()]})
    mean, std, count = channel_statistics(
        np.concatenate(dataset[i]['feats'], axis=1)
        for i in track(range(len(dataset)), 'reading features', transient=True)
    )
    out = Path(args.out or statistics_path(dataset.ann_file))
    with atomic_write(out) as file:
        json.dump(
            dict(
                mean=mean.tolist(),
                std=std.tolist(),
                positions=count,
                videos=len(dataset),
                subset=list(dataset.subset),
            ),
            file,
        )
        file.write('\n')
    constant = int((std == 0).sum())
    print(
        f'{out}: {len(mean)} channels of {len(dataset)} training videos, standard deviations '
        f'{std.min():.4g} to {std.max():.4g}'
        + (f' ({constant} channels are constant and only lose their mean)' if constant else '')
    )
    print('Put this before PackTALInputs in the training and test pipeline:')
    print(f"    dict(type='StandardizeFeatures', stats={str(out)!r}),")


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'fit_standardize', args)


if __name__ == '__main__':
    sys.exit(main())
