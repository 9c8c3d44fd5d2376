#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Measure what the options of docs/accuracy.md cost, and draw their gain against it.

    python tools/dev/gain_and_cost.py --plot docs/images/gain_and_cost.png

Gains are read from docs/accuracy_gains.json. The cost is that of a training step and of inference
(forward and post-processing) with the option, over that without it, both measured in turns in one
process: the median of the ratios of neighbours, in processor time.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tools' / 'analysis')]


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--gains', default=str(ROOT / 'docs' / 'accuracy_gains.json'))
    parser.add_argument('--plot', help='picture to write (.png, .svg)')
    parser.add_argument('--json', help='file of the figures')
    parser.add_argument('--length', type=int, default=1152, help='grid length T (1152)')
    parser.add_argument('--runs', type=int, default=15, help='pairs of runs (15)')
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def functions(model, inputs, samples) -> dict:
    """A training step and an inference of the model, without arguments."""
    import torch

    def step():
        model.train()
        model.zero_grad(set_to_none=True)
        losses = model(inputs, samples, mode='loss')
        sum(value for name, value in losses.items() if 'loss' in name).backward()

    def infer():
        model.eval()
        with torch.no_grad():
            model(inputs[:1], samples[:1], mode='predict')

    return dict(step=step, inference=infer)


def cost(options: dict, length: int, runs: int) -> dict:
    """Ratios of processor time, with the options over without them."""
    from measurements.benchmark_model import build_model, random_batch

    config = str(ROOT / 'configs' / 'temporalmaxer' / 'gtea_scnn.py')
    pair = []
    for each in ({}, options):
        model = build_model(config, each)
        inputs, samples = random_batch(model, 20, length)
        for sample in samples:
            sample.set_metainfo(
                dict(feature_stride=1, offset_frames=0.5, fps=15.0, duration=length / 15)
            )
        pair.append(functions(model, inputs, samples))
    ratios = {}
    for name in pair[0]:
        seconds: tuple[list, list] = ([], [])
        for _ in range(runs + 1):
            for each, values in zip(pair, seconds):
                begin = time.process_time()
                each[name]()
                values.append(time.process_time() - begin)
        ratios[name] = statistics.median(b / a for a, b in zip(seconds[0][1:], seconds[1][1:]))
    return ratios


def draw(rows: list, path: str) -> None:
    """Mean gain of the sets, with the least and the largest, against the larger ratio."""
    from matplotlib.figure import Figure

    from tmx_plugin.utils.files import atomic_write

    fig = Figure(figsize=(7, 4.5), layout='constrained')
    ax = fig.add_subplot()
    for row in rows:
        gains = [*row['gain'].values()]
        mean, x = statistics.mean(gains), max(row['step'], row['inference'])
        spread = [[mean - min(gains)], [max(gains) - mean]]
        ax.errorbar(x, mean, yerr=spread, fmt='o', capsize=3, label=f'{row["name"]} ({len(gains)})')
    ax.axhline(0, color='black', linewidth=0.8)
    ax.axvline(1.05, color='grey', linestyle=':')
    ax.set(xlabel='time over that of the baseline (training step or inference, the larger)')
    ax.set(ylabel='gain of average mAP: mean, least and largest set')
    ax.legend(fontsize=8, title='option (number of sets)')
    ax.grid(alpha=0.3)
    with atomic_write(path, 'wb') as file:
        fig.savefig(file, format=Path(path).suffix[1:], dpi=130)


def run(args) -> int:
    import torch

    from tmx_plugin.utils.files import atomic_write

    torch.set_num_threads(1)
    rows = json.loads(Path(args.gains).read_text())['candidates']
    for row in rows:
        row.update(cost(row['config'], args.length, args.runs))
        print(f'{row["name"]:20} step {row["step"]:.2f} inference {row["inference"]:.2f}')
    if args.json:
        with atomic_write(args.json) as file:
            json.dump(rows, file, indent=2)
    if args.plot:
        draw(rows, args.plot)
    return 0


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'gain_and_cost', args)


if __name__ == '__main__':
    sys.exit(main())
