# SPDX-License-Identifier: Apache-2.0
"""Draw ground truth against predictions of videos as timelines.

Example::

    python tools/analysis/plot_timeline.py predictions.json data/hapt/annotations/hapt.json \
        --out pictures --videos exp43_user21 --score-thr 0.2
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('predictions', help='ActivityNet-style json of predictions')
    parser.add_argument('annotations', help='ActivityNet-style json of ground truth')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder for VIDEO.png')
    parser.add_argument(
        '--videos', nargs='+', metavar='VIDEO', help='which videos (default: all of the subset)'
    )
    parser.add_argument(
        '--subset',
        help='subset that was predicted (default: the one that has all the predicted videos)',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='least score of a prediction to draw (default: 0.3)',
    )
    parser.add_argument(
        '--top-k', type=int, metavar='K', help='predictions to draw at most (default: all)'
    )
    parser.add_argument(
        '--range',
        type=float,
        nargs=2,
        metavar=('START', 'END'),
        help='seconds to draw (default: the whole video)',
    )
    parser.add_argument(
        '--main-tiou',
        type=float,
        metavar='TIOU',
        help='mark predictions that are wrong at this tIoU',
    )
    parser.add_argument('--format', choices=('png', 'svg', 'pdf'), default='png')
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def run(args) -> None:
    from tmx_plugin.engine.settings.options import COUNT, SHARE, check_options
    from tmx_plugin.errors import ConfigError
    from tmx_plugin.evaluation.functional.error_analysis import match_detections
    from tmx_plugin.utils.files import describe_cut_name
    from tmx_plugin.visualization.results import load_results
    from tmx_plugin.visualization.timeline import file_name, save_figure

    check_options(args, score_thr=SHARE, top_k=COUNT, main_tiou=SHARE)
    results = load_results(args.predictions, args.annotations, args.subset)
    unknown = sorted(set(args.videos or ()) - set(results.videos))
    if unknown:
        raise ConfigError(f'{args.annotations}: subset {results.subset!r} has no {unknown}')
    correct = None
    if args.main_tiou is not None:
        correct = match_detections(results.gt, results.det, [args.main_tiou]).true_positive[0]
    for video in args.videos or results.durations:
        path = Path(args.out) / f'{file_name(video)}.{args.format}'
        save_figure(
            results.timeline(
                video,
                correct=correct,
                score_thr=args.score_thr,
                top_k=args.top_k,
                time_range=args.range,
            ),
            path,
        )
        note = describe_cut_name(video)
        print(f'{path} ({note})' if note else path)


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'plot_timeline', args)


if __name__ == '__main__':
    sys.exit(main())
