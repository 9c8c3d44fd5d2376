# SPDX-License-Identifier: Apache-2.0
"""Convert a json of detections and ground truth by class and video, as AutoLoc published them.

It holds {"gt": {class: {video: [[start, end]]}}, "det": {class: {video: [[start, end, score]]}}}.
DIR/annotations.json and DIR/predictions.json can then be given to the report.

Examples::

    python tools/convert/per_class_json.py autoloc_TH14.json --out autoloc
    python tools/convert/per_class_json.py autoloc_TH14.json --out autoloc --prefix video_test_ \
        --durations thumos_14_anno.json --classes category_idx.txt
    python tools/analysis/report.py autoloc/predictions.json autoloc/annotations.json --out report
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('file', help='the json')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder for both files')
    parser.add_argument(
        '--classes', metavar='FILE', help='names of the numbered classes, one a line'
    )
    parser.add_argument(
        '--durations',
        metavar='FILE',
        help='annotation json with the duration of each video, by which times are multiplied',
    )
    parser.add_argument('--prefix', default='', help='put before the names of the videos')
    parser.add_argument('--subset', default='test', help='subset of the videos (test)')
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def run(args) -> None:
    from tmx_plugin.datasets.annotation_files import read_annotations, read_class_list
    from tmx_plugin.datasets.formats.per_class_json import read_per_class_json
    from tmx_plugin.exporters import write_activitynet
    from tmx_plugin.utils.files import atomic_write

    durations = args.durations and {
        video.video_id: video.duration for video in read_annotations(args.durations)
    }
    read = read_per_class_json(
        args.file,
        classes=args.classes and read_class_list(args.classes),
        durations=durations or None,
        prefix=args.prefix,
        subset=args.subset,
    )
    out = Path(args.out)
    with atomic_write(out / 'annotations.json') as file:
        json.dump(dict(database=read.database), file)
    print(out / 'annotations.json')
    print(write_activitynet(read.results, out / 'predictions.json'))


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'per_class_json', args)


if __name__ == '__main__':
    sys.exit(main())
