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

JSON_FORMATS = ('actionformer', 'opentad', 'multithumos')
FORMATS = ('auto', *JSON_FORMATS, 'thumos-txt', 'frames-txt', 'epic', 'csv', 'label-studio')
#: Formats without subsets of their own.
UNSPLIT = ('csv', 'label-studio', 'frames-txt')


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('format', metavar='FROM', choices=FORMATS,
                        help='format of the sources: ' + ', '.join(FORMATS))
    parser.add_argument('sources', metavar='SRC', nargs='+',
                        help='files (thumos-txt, frames-txt: or folders)')
    parser.add_argument('--out', required=True, metavar='FILE',
                        help='json to write; for epic with {target} in its name, unless --target')
    parser.add_argument('--classes', metavar='FILE', help='ordered class list to check against')
    parser.add_argument('--classes-out', metavar='FILE',
                        help='class list to write (default: classes.txt beside --out; for epic '
                        'verb_classes.txt and so on)')
    parser.add_argument('--on-reversed', choices=('error', 'keep', 'drop'),
                        help='segments that end before they start (default: error; multithumos: '
                        'keep)')
    parser.add_argument('--subsets', nargs='+', default=[], metavar='OLD=NEW',
                        help='new names of subsets (jsons only)')
    parser.add_argument('--predictions', action='store_true', help='label-studio: take the '
                        'prediction of tasks without an annotation')
    facts = parser.add_argument_group('durations, where the sources have none')
    facts.add_argument('--videos', nargs='+', default=[], metavar='FILE',
                       help='json or csv with duration, and frame or fps, of each video')
    facts.add_argument('--video-dir', metavar='DIR', help='the videos themselves')
    facts.add_argument('--features', metavar='DIR', help='features with a side file NAME.json; '
                       'without it give their geometry:')
    facts.add_argument('--fps', type=float, help='frames a second of the videos (label-studio: '
                       'frameRate of the labelling configuration; frames-txt: labels a second)')
    facts.add_argument('--feature-stride', type=float, help='frames from feature to feature')
    facts.add_argument('--offset-frames', type=float, default=0.,
                       help='frame at the centre of the first feature')
    facts.add_argument('--layout', choices=('tc', 'ct'), default='tc',
                       help='feature files hold (T, C), the default, or (C, T)')
    frames = parser.add_argument_group('frames-txt')
    frames.add_argument('--mapping', metavar='FILE', help='mapping.txt with lines "id label"')
    frames.add_argument('--background', nargs='*', metavar='LABEL', help='labels that mean no '
                        'action (default: background, action_start, action_end, SIL)')
    frames.add_argument('--times', choices=('frames', 'seconds'), default='frames',
                        help='unit of lines "start end label" (default: frames)')
    split = parser.add_argument_group('subsets of csv, label-studio and frames-txt')
    split.add_argument('--val-videos', metavar='FILE',
                       help='validation videos, one a line (a .bundle too)')
    split.add_argument('--val-share', type=float, default=0.2,
                       help='share of videos drawn for validation (default: 0.2)')
    split.add_argument('--seed', type=int, default=0, help='of that draw')
    epic = parser.add_argument_group('epic')
    epic.add_argument('--verb-classes', metavar='FILE', help='EPIC_100_verb_classes.csv')
    epic.add_argument('--noun-classes', metavar='FILE', help='EPIC_100_noun_classes.csv')
    epic.add_argument('--target', choices=('verb', 'noun', 'action', 'all'), default='all')
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    args = parser.parse_args(argv)
    if not all('=' in item for item in args.subsets):
        parser.error('--subsets takes OLD=NEW')
    if args.format == 'label-studio' and not args.fps:
        parser.error('label-studio needs --fps: its files count frames but do not hold their rate')
    return args


def _video_info(args):
    from tmx_plugin.datasets.formats import VideoInfo
    from tmx_plugin.structures.video_time import VideoTime
    geometry = None
    if args.fps and args.feature_stride:
        geometry = VideoTime(args.feature_stride, args.offset_frames, args.fps)
    return VideoInfo(args.videos, features=args.features, video_dir=args.video_dir,
                     geometry=geometry, layout=args.layout)


def _read(args, name):
    """Yield ``(json path, class list path or None, document)``."""
    from tmx_plugin.datasets import formats
    from tmx_plugin.errors import ConfigError
    options = dict(videos=_video_info(args), on_reversed=args.on_reversed or (
        'keep' if name == 'multithumos' else 'error'))
    if args.subsets and name not in JSON_FORMATS:
        raise ConfigError(f'--subsets does not apply to {name}, only to {", ".join(JSON_FORMATS)}'
                         + ('; see --val-videos, --val-share and the column "subset" of a csv'
                            if name in UNSPLIT else ''))
    if name == 'epic':
        if not (args.verb_classes and args.noun_classes):
            raise ConfigError(
                'epic needs --verb-classes and --noun-classes: the official csv lists')
        targets = ('verb', 'noun', 'action') if args.target == 'all' else (args.target,)
        for option, name in (('--out', args.out), ('--classes-out', args.classes_out)):
            if len(targets) > 1 and name and '{target}' not in name:
                raise ConfigError(
                    f'{option} {name}: expected {{target}} in the name (or --target), since '
                    'verb, noun and action each get a file')
        for target in targets:
            out = Path(args.out.replace('{target}', target))
            classes = (args.classes_out or str(out.with_name('{target}_classes.txt'))).replace(
                '{target}', target)
            yield out, classes, formats.read_epic(
                args.sources, verb_classes=args.verb_classes, noun_classes=args.noun_classes,
                target=target, **options)
        return
    options['classes'] = args.classes
    if name in UNSPLIT:
        options['split'] = partial(formats.listed_split, path=args.val_videos) \
            if args.val_videos else partial(formats.random_split, share=args.val_share,
                                            seed=args.seed)
    if name == 'label-studio':
        options.update(fps=args.fps, predictions=args.predictions)
    if name == 'frames-txt':
        options.update(fps=args.fps, mapping=args.mapping, times=args.times)
        if args.background is not None:
            options['background'] = args.background
    if name in JSON_FORMATS:
        options['subsets'] = dict(item.split('=', 1) for item in args.subsets)
    reader = getattr(formats, 'read_' + name.replace('-', '_'))
    yield Path(args.out), args.classes_out, reader(args.sources, **options)


def _report(out, document):
    for subset, (videos, segments) in document.counts().items():
        print(f'{out}: {subset}: {videos} videos, {segments} segments')
    print(f'{out}: {len(document.classes)} classes')
    for note in document.notes:
        print(f'note: {note}')


def _warn_of_one_subset(document):
    """A table or export is usually all there is: then one part must be held out."""
    if len(document.counts()) == 1:
        (subset, (videos, _)), = document.counts().items()
        print(f'warning: all videos ({videos}) are of the subset {subset!r}: configurations need '
              "'training' and 'validation', with at least one video each (--val-share, "
              '--val-videos, or a column "subset" in a csv)', file=sys.stderr)


def run(args) -> None:
    from tmx_plugin.datasets.formats import detect_format, write_document
    name = args.format
    if name == 'auto':
        name = detect_format(args.sources[0].split('=', 1)[-1])
        print(f'{args.sources[0]}: taken as {name}')
    for out, classes, document in _read(args, name):
        document.note_oddities()
        write_document(document, out, classes_path=classes, version=f'from {name}')
        _report(out, document)
        if name in UNSPLIT:
            _warn_of_one_subset(document)


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool
    return run_tool(run, 'convert_annotations', args)


if __name__ == '__main__':
    sys.exit(main())
