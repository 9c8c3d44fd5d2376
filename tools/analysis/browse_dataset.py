# SPDX-License-Identifier: Apache-2.0
"""Look at annotations before training: a page with the videos above timelines of their segments.

With --predictions the page shows these too. With --fiftyone ground truth and predictions become a
FiftyOne dataset with temporal detections (needs the package fiftyone).

Examples::

    python tools/analysis/browse_dataset.py annotations.json --videos videos/ --out page
    python tools/analysis/browse_dataset.py annotations.json --videos videos/ --subset validation \
        --predictions predictions.json --fiftyone my_dataset
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
    parser.add_argument('annotations', help='annotations, json')
    parser.add_argument('--out', metavar='DIR', help='folder for dataset.html')
    parser.add_argument('--fiftyone', metavar='NAME', help='name of the FiftyOne dataset to make')
    parser.add_argument(
        '--videos', metavar='FOLDER', help='the videos, NAME.mp4 ...; they are linked, not copied'
    )
    parser.add_argument('--subset', help='only this subset')
    parser.add_argument('--predictions', metavar='FILE', help='ActivityNet-style json')
    parser.add_argument(
        '--score-thr', type=float, default=0.3, help='least score shown at first (0.3)'
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    args = parser.parse_args(argv)
    if not args.out and not args.fiftyone:
        parser.error('give --out DIR for a page or --fiftyone NAME for a dataset')
    if args.fiftyone and not args.videos:
        parser.error('--fiftyone needs --videos')
    return args


def run(args) -> None:
    from tmx_plugin.datasets.annotation_files import match_subsets, read_annotations
    from tmx_plugin.errors import DataError
    from tmx_plugin.exporters import read_activitynet
    from tmx_plugin.visualization.player import find_videos, make_tracks, write_player

    annotations = read_annotations(args.annotations)
    if args.subset:
        subsets = {each.subset for each in annotations}
        wanted = match_subsets([args.subset], subsets)
        annotations = [each for each in annotations if each.subset in wanted]
        if not annotations:
            raise DataError(
                f'{args.annotations}: expected the subset {args.subset!r}, found {sorted(subsets)}'
            )
    names = [each.video_id for each in annotations]
    videos = find_videos(args.videos, names) if args.videos else {}
    found = read_activitynet(args.predictions) if args.predictions else None
    if args.out:
        tracks, classes = make_tracks(
            {each.video_id: each.duration for each in annotations},
            annotations=annotations,
            predictions=found,
            videos=videos,
        )
        print(
            write_player(
                tracks,
                classes,
                Path(args.out) / 'dataset.html',
                title=Path(args.annotations).name,
                score=args.score_thr,
            )
        )
    if args.fiftyone:
        from tmx_plugin.exporters.fiftyone import write_fiftyone

        dataset = write_fiftyone(annotations, videos, args.fiftyone, found)
        print(f'{dataset.name}: {len(dataset)} of {len(names)} videos')


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'browse_dataset', args)


if __name__ == '__main__':
    sys.exit(main())
