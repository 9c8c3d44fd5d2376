# SPDX-License-Identifier: Apache-2.0
"""Write an HTML report on predictions: mAP, operating points, kinds of errors, and a player.

Everything also goes to report.json beside the page.

Examples::

    python tools/analysis/report.py predictions.json data/hapt/annotations/hapt.json --out report
    python tools/analysis/report.py predictions.json annotations.json --subset validation \
        --out report --videos videos/ --compare earlier.json --thresholds thresholds.json
    python tools/analysis/report.py configs/temporalmaxer/hapt_inertial.py epoch_30.pth --out report
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
    parser.add_argument('predictions', help='ActivityNet-style json of predictions, or a config')
    parser.add_argument(
        'annotations',
        help='ActivityNet-style json of ground truth, or a checkpoint, which is tested first',
    )
    parser.add_argument(
        '--out', required=True, metavar='DIR', help='folder for report.html and report.json'
    )
    parser.add_argument(
        '--subset',
        help='subset that was predicted (default: the one that has '
        "all the predicted videos, or the config's)",
    )
    _add_judgement(parser)
    parser.add_argument(
        '--videos',
        metavar='FOLDER',
        help='videos for the player, NAME.mp4 ...; they are linked, not copied',
    )
    parser.add_argument(
        '--compare', metavar='OTHER', help='other predictions on the same annotations'
    )
    parser.add_argument(
        '--thresholds',
        metavar='FILE',
        help='write the score of best F1 of each class, for --score-thr of infer.py',
    )
    _add_page(parser)
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def _add_page(parser) -> None:
    parser.add_argument(
        '--num-videos',
        type=int,
        default=20,
        help='rows of the table of videos at first (default: 20)',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        help='least score shown in the player at first (default: that of best F1)',
    )
    parser.add_argument(
        '--top-k',
        type=int,
        metavar='K',
        help='predictions of a video in the '
        'player at most (default: all, or so many that there are 200,000 in all)',
    )


def _add_judgement(parser) -> None:
    parser.add_argument(
        '--tious',
        type=float,
        nargs='+',
        metavar='TIOU',
        help="tIoU thresholds of the mAP (default: 0.3 0.4 0.5 0.6 0.7, or the config's)",
    )
    parser.add_argument(
        '--main-tiou',
        type=float,
        default=0.5,
        help='tIoU at which a single prediction is called right or wrong (default: 0.5)',
    )
    parser.add_argument(
        '--rule',
        choices=('detad', 'own-label'),
        default='detad',
        help='how a false positive is judged: by the segment it overlaps most '
        '(default), or with its own label before others',
    )
    parser.add_argument(
        '--buckets',
        choices=('auto', 'thumos14', 'activitynet'),
        default='auto',
        help="DETAD's groups of lengths, coverage and instances (default: by the median length)",
    )


def run(args) -> None:
    """Read or make the predictions, and write the report on them."""
    from tmx_plugin.visualization.player import find_videos
    from tmx_plugin.visualization.report import write_report
    from tmx_plugin.visualization.results import load_results

    predictions, annotations, subset = args.predictions, args.annotations, args.subset
    tious, videos = args.tious, None
    if Path(predictions).suffix != '.json':
        from tmx_plugin.apis.test_set import predict_test_set

        made = predict_test_set(predictions, annotations, args.out, ROOT)
        predictions, annotations, videos = made.predictions, made.annotations, made.videos
        subset, tious = subset or made.subsets, tious or made.tious
    results = load_results(predictions, annotations, subset, videos)
    other = None
    if args.compare:
        other = load_results(args.compare, annotations, subset or results.subset, videos)
    path = Path(args.out) / 'report.html'
    summary = write_report(
        results,
        path,
        tious or [0.3, 0.4, 0.5, 0.6, 0.7],
        title=f'Report on {Path(args.predictions).name}',
        main_tiou=args.main_tiou,
        rule=args.rule.replace('-', ' '),
        buckets=args.buckets,
        videos=args.videos and find_videos(args.videos, results.videos),
        other=other,
        other_name=args.compare and Path(args.compare).name,
        thresholds_file=args.thresholds,
        num_videos=args.num_videos,
        score_thr=args.score_thr,
        top_k=args.top_k,
    )
    print('  '.join(f'{name} {value:.2f}' for name, value in summary.items()))
    print(path)


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'report', args)


if __name__ == '__main__':
    sys.exit(main())
