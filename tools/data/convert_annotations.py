# SPDX-License-Identifier: Apache-2.0
"""Convert annotations of other projects to this project's json and class list.

Examples::

    python tools/data/convert_annotations.py actionformer thumos14.json --out OUT.json
    python tools/data/convert_annotations.py thumos-txt annotations_val annotations_test \
        --videos thumos_14_anno.json --out OUT.json
    python tools/data/convert_annotations.py epic EPIC_100_train.csv EPIC_100_validation.csv \
        --verb-classes EPIC_100_verb_classes.csv --noun-classes EPIC_100_noun_classes.csv \
        --videos EPIC_100_video_info.csv --out 'epic_{target}.json'
    python tools/data/convert_annotations.py frames-txt groundTruth --mapping mapping.txt \
        --fps 15 --val-videos splits/test.split1.bundle --out OUT.json
    python tools/data/convert_annotations.py csv my.csv --video-dir my_videos --out OUT.json
"""

import argparse
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))

FORMATS = (
    'auto', 'opentad', 'actionformer', 'multithumos', 'actions-json', 'activitynet-flat',
    'ego4d-mq', 'goalstep', 'boris', 'via', 'label-studio', 'elan', 'cvat', 'epic', 'charades',
    'csv', 'thumos-txt', 'frames-txt',
)  # fmt: skip


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'format',
        metavar='FROM',
        choices=FORMATS,
        help='format of the sources: ' + ', '.join(FORMATS),
    )
    parser.add_argument(
        'sources', metavar='SRC', nargs='+', help='files (thumos-txt, frames-txt: or folders)'
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='FILE',
        help='json to write; for epic with {target} in its name, unless --target',
    )
    _add_documents(parser)
    _add_facts(parser)
    _add_options_of_formats(parser)
    _add_subsets_and_epic(parser)
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    args = parser.parse_args(argv)
    for option in ('subsets', 'columns'):
        if not all('=' in item for item in getattr(args, option)):
            parser.error(f'--{option} takes NAME=NAME')
    if args.format == 'cvat' and not args.fps:
        parser.error(
            f'{args.format} needs --fps: its files count frames but do not hold their rate'
        )
    args.subsets = dict(item.split('=', 1) for item in args.subsets)
    args.columns = dict(item.split('=', 1) for item in args.columns)
    return args


def _add_documents(parser) -> None:
    parser.add_argument('--classes', metavar='FILE', help='ordered class list to check against')
    parser.add_argument(
        '--classes-out',
        metavar='FILE',
        help='class list to write (default: classes.txt beside --out; for epic '
        'verb_classes.txt and so on)',
    )
    parser.add_argument(
        '--on-reversed',
        choices=('error', 'keep', 'drop'),
        help='segments that end before they start (default: error; multithumos: keep)',
    )
    parser.add_argument(
        '--subsets',
        nargs='+',
        default=[],
        metavar='OLD=NEW',
        help='new names of subsets (jsons only)',
    )


def _add_facts(parser) -> None:
    facts = parser.add_argument_group('durations, where the sources have none')
    facts.add_argument(
        '--videos',
        nargs='+',
        default=[],
        metavar='FILE',
        help='json or csv with duration, and frame or fps, of each video',
    )
    facts.add_argument('--video-dir', metavar='DIR', help='the videos themselves')
    facts.add_argument(
        '--features',
        metavar='DIR',
        help='features with a side file NAME.json; without it give their geometry:',
    )
    facts.add_argument(
        '--fps',
        type=float,
        help='frames a second of the videos (label-studio: '
        'frameRate of the labelling configuration; frames-txt: labels a second)',
    )
    facts.add_argument('--feature-stride', type=float, help='frames from feature to feature')
    facts.add_argument(
        '--offset-frames', type=float, default=0.0, help='frame at the centre of the first feature'
    )
    facts.add_argument(
        '--layout',
        choices=('tc', 'ct'),
        default='tc',
        help='feature files hold (T, C), the default, or (C, T)',
    )


def _add_options_of_formats(parser) -> None:
    parts = parser.add_argument_group('options of single formats')
    parts.add_argument(
        '--columns',
        nargs='+',
        default=[],
        metavar='NAME=THEIRS',
        help="csv: names of the file's columns, such as label=type "
        '"start=Start (s)" (video, start, end, label, subset, duration, fps)',
    )
    parts.add_argument(
        '--times',
        choices=('seconds', 'frames', 'clock'),
        help='csv, frames-txt: unit of start and end (csv: seconds or clock as '
        'written; frames-txt: frames)',
    )
    parts.add_argument(
        '--mapping',
        metavar='FILE',
        help='frames-txt: mapping.txt with lines "id label"; charades: Charades_v1_classes.txt',
    )
    parts.add_argument(
        '--background',
        nargs='*',
        metavar='LABEL',
        help='frames-txt: labels that '
        'mean no action (default: background, action_start, action_end, SIL)',
    )
    parts.add_argument(
        '--first-id', type=int, choices=(0, 1), help='actions-json: id of the first class'
    )
    parts.add_argument('--tiers', nargs='+', metavar='TIER', help='elan: tiers to read')
    parts.add_argument('--attribute', metavar='NAME', help='via: the attribute that is the label')
    parts.add_argument(
        '--predictions',
        action='store_true',
        help='label-studio: take the prediction of tasks without an annotation',
    )


def _add_subsets_and_epic(parser) -> None:
    split = parser.add_argument_group('subsets of formats without any')
    split.add_argument(
        '--val-videos', metavar='FILE', help='validation videos, one a line (a .bundle too)'
    )
    split.add_argument(
        '--val-share',
        type=float,
        default=0.2,
        help='share of videos drawn for validation (default: 0.2)',
    )
    split.add_argument('--seed', type=int, default=0, help='of that draw')
    epic = parser.add_argument_group('epic')
    epic.add_argument('--verb-classes', metavar='FILE', help='EPIC_100_verb_classes.csv')
    epic.add_argument('--noun-classes', metavar='FILE', help='EPIC_100_noun_classes.csv')
    epic.add_argument('--target', choices=('verb', 'noun', 'action', 'all'), default='all')


def _video_info(args):
    from tmx_plugin.datasets.formats import VideoInfo
    from tmx_plugin.structures.video_time import VideoTime

    geometry = None
    if args.fps and args.feature_stride:
        geometry = VideoTime(args.feature_stride, args.offset_frames, args.fps)
    return VideoInfo(
        args.videos,
        features=args.features,
        video_dir=args.video_dir,
        geometry=geometry,
        layout=args.layout,
    )


def _options(args, item, videos) -> dict:
    """Arguments of a format's reader, from the options of the command line."""
    from tmx_plugin.datasets.formats import FORMATS as KNOWN
    from tmx_plugin.datasets.formats import listed_split, random_split
    from tmx_plugin.errors import ConfigError

    single = {name for known in KNOWN.values() for name in known.options} - {
        'classes',
        'split',
        'fps',
        'target',
    }
    given = {name for name in single if getattr(args, name) not in (None, [], {}, False)}
    foreign = sorted(given - set(item.options))
    if foreign:
        takers = ', '.join(name for name, known in KNOWN.items() if foreign[0] in known.options)
        raise ConfigError(
            f'--{foreign[0].replace("_", "-")} does not apply to {item.name}, only '
            f'to {takers}'
            + (
                '; see --val-videos, --val-share and the column "subset" of a csv'
                if item.splits
                else ''
            )
        )
    options = {
        name: getattr(args, name)
        for name in item.options
        if name not in ('split', 'target') and (name in given or name in ('classes', 'fps'))
    }
    if item.splits:
        options['split'] = (
            partial(listed_split, path=args.val_videos)
            if args.val_videos
            else partial(random_split, share=args.val_share, seed=args.seed)
        )
    return dict(
        options,
        videos=videos,
        on_reversed=args.on_reversed or ('keep' if item.name == 'multithumos' else 'error'),
    )


def _read(args, item, videos):
    """Yield ``(json path, class list path or None, document)``."""
    options = _options(args, item, videos)
    if item.name == 'epic':
        yield from _read_epic(args, item, options)
    else:
        yield Path(args.out), args.classes_out, item.read(args.sources, **options)


def _read_epic(args, item, options):
    from tmx_plugin.errors import ConfigError

    if not (args.verb_classes and args.noun_classes):
        raise ConfigError('epic needs --verb-classes and --noun-classes: the official csv lists')
    targets = ('verb', 'noun', 'action') if args.target == 'all' else (args.target,)
    for option, name in (('--out', args.out), ('--classes-out', args.classes_out)):
        if len(targets) > 1 and name and '{target}' not in name:
            raise ConfigError(
                f'{option} {name}: expected {{target}} in the name (or --target), '
                'since verb, noun and action each get a file'
            )
    for target in targets:
        out = Path(args.out.replace('{target}', target))
        classes = (args.classes_out or str(out.with_name('{target}_classes.txt'))).replace(
            '{target}', target
        )
        yield out, classes, item.read(args.sources, target=target, **options)


def _check_ends(args, item, document) -> None:
    """Refuse a document whose segments mostly lie behind their videos' ends."""
    from tmx_plugin.errors import DataError

    late, total = document.late_segments()
    if late <= total / 2:
        return
    advice = 'check --fps, --feature-stride and the durations'
    if args.features:
        args.layout = {'tc': 'ct', 'ct': 'tc'}[args.layout]
        other = next(_read(args, item, _video_info(args)))[2]
        if other.late_segments()[0] <= total / 2:
            advice = f'they fit with --layout {args.layout}'
    raise DataError(
        f'{args.sources[0]}: {late} of {total} segments start at or after the end of '
        f'their video: {advice}. Nothing was written'
    )


def _report(out, document, videos):
    for path, columns in videos.ignored_columns.items():
        if columns:
            print(f'note: {path}: columns that are not used: {", ".join(columns)}')
    for subset, (videos, segments) in document.counts().items():
        print(f'{out}: {subset}: {videos} videos, {segments} segments')
    print(f'{out}: {len(document.classes)} classes')
    for note in document.notes:
        print(f'note: {note}')


def _warn_of_one_subset(document):
    """A table or export is usually all there is: then one part must be held out."""
    if len(document.counts()) == 1:
        ((subset, (videos, _)),) = document.counts().items()
        print(
            f'warning: all videos ({videos}) are of the subset {subset!r}: configurations need '
            "'training' and 'validation', with at least one video each (--val-share, "
            '--val-videos, or a column "subset" in a csv)',
            file=sys.stderr,
        )


def run(args) -> None:
    from tmx_plugin.datasets.formats import FORMATS as KNOWN
    from tmx_plugin.datasets.formats import guess_formats, refuse_pickle, write_document
    from tmx_plugin.engine.settings.options import check_options
    from tmx_plugin.engine.settings.rules import number

    check_options(args, val_share=number(above=0, below=1))
    name = args.format
    for source in args.sources:
        refuse_pickle(source.split('=', 1)[-1])
    if name == 'auto':
        first, *others = guess_formats(args.sources[0].split('=', 1)[-1])
        name = first.name
        print(
            f'{args.sources[0]}: taken as {name} ({first.reason})'
            + ''.join(f'; else {guess.name} ({guess.reason})' for guess in others[:2])
        )
    item, videos = KNOWN[name], _video_info(args)
    for out, classes, document in _read(args, item, videos):
        _check_ends(args, item, document)
        document.note_oddities()
        write_document(document, out, classes_path=classes, version=f'from {name}')
        _report(out, document, videos)
        if item.splits:
            _warn_of_one_subset(document)


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'convert_annotations', args)


if __name__ == '__main__':
    sys.exit(main())
