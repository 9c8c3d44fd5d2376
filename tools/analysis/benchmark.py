#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Measure time and memory of training, inference, post-processing, mAP and reading of features.

    python tools/analysis/benchmark.py
    python tools/analysis/benchmark.py --only step --json step.json --plot memory.png

Every line is measured in a fresh process, after a warm-up. Steps and forward passes alternate with
bare convolutions of the same sizes, and the ratio of the least times is what can be compared
between machines; seconds cannot. In brackets: the public implementation.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))

from measurements.growth_plot import GROWTH, draw_growth, growth_curves  # noqa: E402

THUMOS, MULTITHUMOS = 'thumos_i3d', 'multithumos_i3d'
NOUN, VERB = 'epic_kitchens_slowfast_noun', 'epic_kitchens_slowfast_verb'
TENTHS = [i / 10 for i in range(1, 10)]
#: (name, function, its arguments, figures of the reference), by part.
# fmt: off
CASES = {
    'step': [
        ('thumos, 15 segments a video', dict(config=THUMOS, num_gts=15),
         dict(ratio=1.31, assignment=.06 / 1.81, peak=.9e9)),
        ('multithumos, 200', dict(config=MULTITHUMOS, num_gts=200),
         dict(assignment=3. / 4.7, peak=3.1e9)),
        ('epic verb, 400', dict(config=VERB, num_gts=400),
         dict(assignment=14. / 16.4, peak=7.0e9)),
        ('epic noun, 150', dict(config=NOUN, num_gts=150),
         dict(assignment=12. / 17.3, peak=7.9e9)),
        ('epic noun, 300', dict(config=NOUN, num_gts=300),
         dict(assignment=66. / 74.6, peak=15.0e9)),
    ],
    'growth': [(f'{axis} {value}', {**dict(config=NOUN, num_gts=300, num_classes=293, length=2304),
                                    axis: value}, {})
               for axis, values in GROWTH.items() for value in values],
    'forward': [
        ('thumos', dict(config=THUMOS), dict(ratio=1.23)),
        ('epic noun', dict(config=NOUN), {}),
    ],
    'post': [
        ('thumos', dict(config=THUMOS, num_gts=15, num_present=1, shortest=3.), {}),
        ('multithumos', dict(config=MULTITHUMOS, num_gts=200, num_present=20, shortest=3.), {}),
        ('epic noun', dict(config=NOUN, num_gts=150, num_present=60, shortest=1.), {}),
        ('epic verb', dict(config=VERB, num_gts=150, num_present=25, shortest=1.), {}),
    ],
    'map': [
        ('20 classes, 5 tIoUs', dict(num_videos=212, num_gts=3358, num_classes=20, per_video=200,
                                     tious=TENTHS[2:7]), {}),
        ('65 classes, 9 tIoUs', dict(num_videos=212, num_gts=20186, num_classes=65, per_video=800,
                                     tious=TENTHS), {}),
        ('293 classes, 5 tIoUs', dict(num_videos=138, num_gts=9668, num_classes=293,
                                      per_video=2000, tious=TENTHS[:5]), {}),
        ('65 classes, 9 tIoUs, many', dict(num_videos=212, num_gts=20186, num_classes=65,
                                           per_video=4387, tious=TENTHS), {}),
    ],
    'data': [(kind, dict(kind=kind), {}) for kind in ('npy', 'npz', 'npz_compressed', 'ram')],
}
# fmt: on
FUNCTIONS = dict(
    step='benchmark_model.training_step',
    growth='benchmark_growth.growth',
    forward='benchmark_model.inference_forward',
    post='benchmark_detections.post_processing',
    map='benchmark_detections.mean_average_precision',
    data='benchmark_data.training_samples',
)
#: What can be measured with --device cuda: by CUDA events, with launches and synchronisations.
GPU_FUNCTIONS = dict(step='benchmark_gpu.training_step', forward='benchmark_gpu.inference_forward')
TITLES = dict(
    step='Training step: forward, assignment, losses, backward; iteration: preprocessor to '
    'averaged weights; bare: convolutions alone; T = 2304, batch 2, float32',
    growth='Training step and post-processing of epic noun: 300 segments a video, 293 classes, '
    'T = 2304, one of them varied',
    forward='Forward pass of one video, T = 2304, float32, and the bare convolutions in turns',
    post='Post-processing of one video, T = 2304: logits to seconds',
    map='mAP, from arrays',
    data='Reading a window of 2304 x 2304 from a video of 6750',
)
RUNS = dict(step=10, growth=2, forward=15, post=15, map=5, data=15)


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--only',
        choices=tuple(CASES),
        action='append',
        help='measure this part; may be repeated (default: all)',
    )
    parser.add_argument('--json', metavar='FILE', help='write all figures to this file')
    parser.add_argument(
        '--plot',
        metavar='FILE',
        help='draw the growth of time and memory (.png, .pdf, .svg); needs the part growth',
    )
    _add_measurement(parser)
    args = parser.parse_args(argv)
    args.functions = FUNCTIONS if args.device == 'cpu' else GPU_FUNCTIONS
    args.only = args.only or list(args.functions)
    if not {*args.only} <= {*args.functions}:
        parser.error(f'--device cuda measures {" and ".join(GPU_FUNCTIONS)} only')
    if args.plot and 'growth' not in args.only:
        parser.error('--plot needs the part growth')
    return args


def _add_measurement(parser) -> None:
    parser.add_argument(
        '--runs',
        type=int,
        help='runs after the warm-up (default: 2 for growth, 5 '
        'for map, 10 for step, 15 for the others)',
    )
    parser.add_argument(
        '--threads',
        type=int,
        default=os.cpu_count(),
        help='CPU threads (default: all, %(default)s here)',
    )
    parser.add_argument(
        '--measure', nargs=2, metavar=('FUNCTION', 'ARGUMENTS'), help=argparse.SUPPRESS
    )  # what the fresh processes are started with
    parser.add_argument(
        '--device',
        choices=('cpu', 'cuda'),
        default='cpu',
        help='cuda: steps and '
        'forward passes by CUDA events, kernel launches and synchronisations of '
        'one, memory of the device (default: cpu)',
    )


def print_measured(args) -> None:
    """Call a function of the benchmark modules in this process, and print its figures."""
    import importlib

    import tmx_plugin  # noqa: F401

    function, arguments = args.measure
    module, name = function.split('.')
    measure_here = getattr(importlib.import_module(f'measurements.{module}'), name)
    print(json.dumps(measure_here(**json.loads(arguments))))


def measure(function: str, arguments: dict, runs: int, threads: int) -> dict:
    """Call a function of the benchmark modules in a fresh process, and return its figures."""
    arguments = dict(arguments, runs=runs)
    if 'config' in arguments:
        config = ROOT / 'configs' / 'temporalmaxer' / f'{arguments["config"]}.py'
        arguments['config'] = str(config)
    # This process stays small, without torch: a child's peak memory starts at its parent's.
    done = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).resolve()),
            '--measure',
            function,
            json.dumps(arguments),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads)),
    )
    return json.loads(done.stdout.splitlines()[-1])


def machine(threads: int) -> dict:
    """What the figures were measured on and with."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in ('torch', 'numpy', 'mmengine', 'mmaction2', 'mmcv', 'mmcv-lite'):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    processor, cpuinfo = platform.processor() or platform.machine(), Path('/proc/cpuinfo')
    if cpuinfo.is_file():
        names = re.findall(r'^model name\s*: (.*)$', cpuinfo.read_text(), re.MULTILINE)
        processor = names[0] if names else processor
    return dict(
        processor=processor,
        cores=os.cpu_count(),
        threads=threads,
        load=os.getloadavg()[0],
        system=platform.platform(terse=True),
        python=platform.python_version(),
        **versions,
    )


def figure(name: str, value: float) -> str:
    """A figure with its unit."""
    if name in ('peak', 'memory', 'sample'):
        return f'{value / 1e9:.2f} GB' if value > 5e8 else f'{value / 1e6:.0f} MB'
    if name == 'assignment':
        return f'{100 * value:.1f} %'
    if name.endswith('seconds'):
        return f'{value:.2f} s' if value >= 1 else f'{1000 * value:.1f} ms'
    if name in ('multiply_adds', 'rate', 'bare_rate'):
        return f'{value / 1e9:.1f} G'
    return f'{value:,.3f}'.rstrip('0').rstrip('.')


def report(part: str, rows: list) -> None:
    """Print the table of a part: measured, and in brackets the reference where it is known."""
    from rich.console import Console
    from rich.table import Table

    names = list(dict.fromkeys(name for row in rows for name in row['measured']))
    table = Table('', *(name.replace('_', ' ') for name in names))
    for row in rows:
        cells = [figure(name, row['measured'][name]) for name in names]
        for i, name in enumerate(names):
            if name in row['reference']:
                cells[i] += f' ({figure(name, row["reference"][name])})'
        table.add_row(row['case'], *cells)
    Console(width=None if sys.stdout.isatty() else 120).print(TITLES[part], table)


def run(args) -> int:
    """Measure all cases, each in a process of its own, and print, write and draw the figures."""
    try:
        about, results = measure_all(args)
    except subprocess.CalledProcessError as error:  # it has said why
        return error.returncode
    for part, rows in results.items():
        report(part, rows)
    if 'growth' in results:
        for axis, curve in growth_curves(results['growth']).items():
            names = ('step_seconds', 'post_seconds', 'peak')
            found = (f'{name} {curve[f"{name}_exponent"]:.2f}' for name in names)
            print(f'exponents of growth with {axis}:', ', '.join(found))
    if args.device == 'cpu':
        print('in brackets: the public implementation (ratios: AMD EPYC with AVX-512, 2 cores)')
    if args.json:
        from tmx_plugin.utils.files import atomic_write

        with atomic_write(args.json) as file:
            json.dump(dict(machine=about, results=results), file, indent=1)
    if args.plot:
        draw_growth(results['growth'], args.plot)
    return 0


def measure_all(args) -> tuple:
    """What the machine is, and the rows of each part."""
    about = machine(args.threads)
    print('  '.join(f'{name} {value}' for name, value in about.items()))
    if about['load'] > 0.5:
        print(f'warning: other programs keep {about["load"]:.1f} cores busy; times are too long')
    results = {}
    for part in args.only:
        results[part] = []
        for case, arguments, reference in CASES[part]:
            print(f'{part}: {case} ...', file=sys.stderr, flush=True)
            measured = measure(
                args.functions[part], arguments, args.runs or RUNS[part], args.threads
            )
            results[part].append(
                dict(
                    case=case,
                    arguments=arguments,
                    measured=measured,
                    reference=reference if args.device == 'cpu' else {},
                )
            )
    return about, results


def load_run_tool():
    """``run_tool`` without its package, which imports torch."""
    from importlib.util import find_spec, module_from_spec, spec_from_file_location

    path = Path(find_spec('tmx_plugin').origin).with_name('errors.py')
    spec = spec_from_file_location('benchmark_errors', path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.run_tool


def main(argv=None) -> int:
    args = parse_args(argv)
    if args.measure:
        from tmx_plugin.errors import run_tool

        return run_tool(print_measured, 'benchmark', args)
    # This process never imports torch: a child's peak memory starts at its parent's.
    return load_run_tool()(run, 'benchmark', args)


if __name__ == '__main__':
    sys.exit(main())
