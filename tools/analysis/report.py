# SPDX-License-Identifier: Apache-2.0
"""Write an HTML report on predictions: mAP, kinds of errors, recall by length, timelines.

Example::

    python tools/analysis/report.py predictions.json data/hapt/annotations/hapt.json --out report
"""
import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('predictions', help='ActivityNet-style json of predictions')
    parser.add_argument('annotations', help='ActivityNet-style json of ground truth')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder for report.html')
    parser.add_argument('--subset', help='subset that was predicted (default: the one that has '
                        'all the predicted videos)')
    parser.add_argument('--tious', type=float, nargs='+', default=[0.3, 0.4, 0.5, 0.6, 0.7],
                        help='tIoU thresholds of the mAP (default: 0.3 0.4 0.5 0.6 0.7)')
    parser.add_argument('--main-tiou', type=float, default=0.5, help='tIoU at which a single '
                        'prediction is called right or wrong (default: 0.5)')
    parser.add_argument('--num-videos', type=int, default=3,
                        help='how many of the worst and best videos to draw (default: 3)')
    parser.add_argument('--score-thr', type=float, default=0.3,
                        help='least score of a prediction in a timeline (default: 0.3)')
    parser.add_argument('--top-k', type=int, metavar='K',
                        help='predictions in a timeline at most (default: all)')
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def run(args) -> None:
    from tmx_plugin.visualization.report import write_report
    from tmx_plugin.visualization.results import load_results
    path = Path(args.out) / 'report.html'
    results = load_results(args.predictions, args.annotations, args.subset)
    summary = write_report(
        results, path, args.tious, title=f'Report on {Path(args.predictions).name}',
        main_tiou=args.main_tiou, score_thr=args.score_thr, top_k=args.top_k,
        num_videos=args.num_videos)
    print('  '.join(f'{name} {value:.2f}' for name, value in summary.items()))
    print(path)


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool
    return run_tool(run, 'report', args)


if __name__ == '__main__':
    sys.exit(main())
