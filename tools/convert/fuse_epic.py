# SPDX-License-Identifier: Apache-2.0
"""Combine a verb and a noun model into action detections of EPIC-Kitchens-100.

Both models run on the same features; at each point the score of an action is the product of the
scores of its verb and its noun. For example:

    python tools/convert/fuse_epic.py \\
        --verb epic_kitchens_slowfast_verb verb.pth --noun epic_kitchens_slowfast_noun noun.pth \\
        --out actions.json --submission submission.json --sls 2 3 4
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))

# What the two configs must agree on: the same points come from the same features.
SHARED_KEYS = ('data_prefix', 'feature_stride', 'offset_frames', 'fps')


def parse_args(argv=None):
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for target in ('verb', 'noun'):
        parser.add_argument(f'--{target}', nargs=2, required=True, metavar=('CONFIG', 'CHECKPOINT'))
        parser.add_argument(
            f'--{target}-weight',
            type=float,
            default=1.0,
            help='exponent of its score, and share in the segment (default: 1; 0.5 '
            'for both leaves more actions above the score thresholds)',
        )
        parser.add_argument(
            f'--{target}-classes',
            metavar='FILE',
            help=f'EPIC_100_{target}_classes.csv, where the classes of the config '
            'are not in the order of the official ids',
        )
    _add_results(parser)
    parser.add_argument('--device', help='cpu, cuda, cuda:1, mps (default: a GPU if there is one)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='overrides of both configs',
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    args = parser.parse_args(argv)
    if not (args.out or args.submission or args.ann):
        parser.error('nothing to do: give --out, --submission or --ann')
    if args.submission and not args.sls:
        parser.error('--submission needs --sls PT TL TD')
    for target in ('verb', 'noun'):
        if getattr(args, f'{target}_weight') <= 0:
            parser.error(f'--{target}-weight must be positive')
    return args


def _add_results(parser) -> None:
    parser.add_argument(
        '--out', metavar='FILE', help='detections as ActivityNet json, labels "V,N" of official ids'
    )
    parser.add_argument('--submission', metavar='FILE', help="the challenge's json")
    parser.add_argument(
        '--sls',
        nargs=3,
        type=int,
        metavar=('PT', 'TL', 'TD'),
        help='supervision levels of the submission: pre-training, training labels, training data',
    )
    parser.add_argument(
        '--ann',
        metavar='FILE',
        help='action annotations (epic_action.json of '
        'tools/data/convert_annotations.py): print the mAP of actions, verbs and '
        'nouns',
    )
    parser.add_argument('--subset', default='val', help='subset of --ann (default: val)')


def load(target, args):
    """Model, test dataset and official ids of one of the two models."""
    from mmaction.registry import DATASETS

    from tmx_plugin.apis.epic_fusion import official_ids
    from tmx_plugin.apis.init import init_localizer
    from tmx_plugin.engine.launch import read_config
    from tmx_plugin.utils.devices import resolve_device

    config, checkpoint = getattr(args, target)
    cfg = read_config(config, ROOT)
    device = resolve_device(args.device)
    model = init_localizer(cfg, checkpoint, device, args.cfg_options)
    if model.head.class_prior is not None:
        print(
            f'{config}: its class prior is not used: it is of {target}s, and not of actions',
            file=sys.stderr,
        )
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    names = dataset.metainfo['classes']
    ids = official_ids(model.head.num_classes, target, names, getattr(args, f'{target}_classes'))
    return model, dataset, ids


def check_same_features(verb, noun) -> None:
    """Raise a LaunchError if the datasets read different features."""
    from tmx_plugin.errors import LaunchError

    for key in SHARED_KEYS:
        values = getattr(verb, key, None), getattr(noun, key, None)
        if values[0] != values[1]:
            raise LaunchError(
                f'The two models must take the same features, but {key} of the '
                f'configs is {values[0]} (verb) and {values[1]} (noun).'
            )


def detect(args) -> dict:
    """Action detections of every video of the noun config's test set."""
    from rich.progress import track

    from tmx_plugin.apis.epic_fusion import action_detections, fuse_video

    verb_model, verb_set, verb_ids = load('verb', args)
    noun_model, noun_set, noun_ids = load('noun', args)
    check_same_features(verb_set, noun_set)
    detections = {}
    for i in track(range(len(noun_set)), 'Fusing'):
        sample = noun_set[i]
        batch = noun_model.data_preprocessor(
            dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']])
        )
        meta = sample['data_samples'].metainfo
        found = fuse_video(
            verb_model,
            noun_model,
            batch['inputs'],
            meta,
            verb_weight=args.verb_weight,
            noun_weight=args.noun_weight,
        )
        detections[meta['video_id']] = action_detections(*found, verb_ids, noun_ids)
    return detections


def read_subset(path: str, subset: str) -> list:
    """Annotations of the videos of a subset, however its name is spelled."""
    from tmx_plugin.datasets.annotation_files import match_subsets, read_annotations
    from tmx_plugin.errors import ConfigError

    videos = read_annotations(path)
    available = {video.subset for video in videos}
    names = match_subsets([subset], available)
    if not names:
        raise ConfigError(f'{path}: expected the subset {subset!r}, found {sorted(available)}')
    return [video for video in videos if video.subset in names]


def evaluate(detections: dict, videos: list) -> None:
    """Print mAP of actions, and of verbs and nouns alone, as the challenge scores them."""
    from rich.console import Console
    from rich.table import Table

    from tmx_plugin.evaluation.functional import average_precision, segment_tables

    tious = [0.1, 0.2, 0.3, 0.4, 0.5]
    table = Table('mAP in percent', *(f'@{tiou}' for tiou in tious), 'mean')
    parts = dict(
        verb=lambda label: label.split(',')[0],
        noun=lambda label: label.split(',')[1],
        action=lambda label: label,
    )
    for target, part in parts.items():
        gt, det, _ = segment_tables(
            {
                video.video_id: [
                    (part(label), segment)
                    for label, segment in zip(video.labels, video.segments_sec)
                ]
                for video in videos
            },
            {
                video: [dict(item, label=part(item['label'])) for item in items]
                for video, items in detections.items()
            },
        )
        values = average_precision(gt, det, tious)[1].mean(axis=0) * 100
        table.add_row(target, *(f'{value:.2f}' for value in [*values, values.mean()]))
    Console().print(table)


def run(args) -> None:
    from tmx_plugin.exporters import write_activitynet, write_epic_submission

    videos = read_subset(args.ann, args.subset) if args.ann else []
    detections = detect(args)
    if args.out:
        print(f'Written: {write_activitynet(detections, args.out)}')
    if args.submission:
        levels = dict(zip(('sls_pt', 'sls_tl', 'sls_td'), args.sls))
        print(f'Written: {write_epic_submission(detections, args.submission, **levels)}')
    if args.ann:
        evaluate(detections, videos)


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'fuse_epic', args)


if __name__ == '__main__':
    sys.exit(main())
