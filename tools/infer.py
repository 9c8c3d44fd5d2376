# SPDX-License-Identifier: Apache-2.0
"""Which actions, from when to when: localize actions in videos or feature files.

OUT/predictions.json is in ActivityNet's format. Exit status: 0 when all inputs were used, 1 when
some could not be.

Examples::

    python tools/infer.py video.mp4 thumos_i3d released.pth \\
        --extractor-weights rgb_imagenet.pt flow_imagenet.pt
    python tools/infer.py video.mp4 mine.py checkpoint.pth --recognizer tsn.py tsn.pth --out out
    python tools/infer.py features/ my_config.py model.onnx --fps 30 --format csv srt --out out
    python tools/infer.py videos/ my_config.py m.pth --score-thr thresholds.json --page --out out
"""

import argparse
import sys
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))

FORMATS = ('csv', 'srt', 'vtt', 'label-studio')


def parse_args(argv=None):
    from mmengine.config import DictAction  # without torch, so -h stays quick

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('input', help='a video, a feature file, a folder of either, or a .txt list')
    parser.add_argument('config', help='config of the localizer: a file, or a name of this package')
    parser.add_argument('checkpoint', help='its weights, or an exported .onnx')
    parser.add_argument('--out', default='out', help='folder for the results (out)')
    _add_features(parser)
    _add_results(parser)
    _add_pictures(parser)
    parser.add_argument('--batch-size', type=int, default=1, help='videos at once (1)')
    parser.add_argument(
        '--clip-batch-size',
        type=int,
        default=8,
        help='clips that go through the recognizer at once (8)',
    )
    parser.add_argument('--device', help='cpu, cuda, cuda:1, mps (default: a GPU if there is one)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help="overrides of the localizer's config",
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    args = parser.parse_args(argv)
    if args.recognizer and len(args.recognizer) > 2:
        parser.error('--recognizer takes a config and a checkpoint')
    if args.recognizer and args.extractor_weights:
        parser.error('give either --recognizer or --extractor-weights')
    if args.flow and not (args.recognizer or args.extractor_weights):
        parser.error('--flow needs --extractor-weights, or a --recognizer that takes flow')
    if 'label-studio' in args.format and not args.frame_rate:
        parser.error('--format label-studio needs --frame-rate')
    if args.annotations and not args.page:
        parser.error('--annotations goes with --page')
    return args


def _add_features(parser) -> None:
    parser.add_argument(
        '--extractor-weights',
        nargs='+',
        metavar='FILE',
        help='weights, as published, of the networks that the config names as the source of its '
        'features, e.g. rgb_imagenet.pt flow_imagenet.pt',
    )
    parser.add_argument(
        '--flow',
        metavar='METHOD',
        help='optical flow for networks that take it: tvl1, raft, dis, or a folder of flow images '
        '(default: as the config says)',
    )
    parser.add_argument('--flow-weights', metavar='FILE', help="RAFT's (default: torchvision's)")
    parser.add_argument(
        '--recognizer',
        nargs='+',
        metavar=('CONFIG', 'CKPT'),
        help='what makes features of videos: a config (file or mmaction::recognition/...) and its '
        'weights; without weights they are random',
    )
    parser.add_argument('--fps', type=float, help='frame rate that the features stand for')


def _add_results(parser) -> None:
    parser.add_argument(
        '--score-thr',
        default=0.0,
        metavar='SCORE',
        help='least score (0: all), or '
        'a file with that of each class, which report.py --thresholds writes',
    )
    parser.add_argument('--top-k', type=int, help='most segments of a video (default: all)')
    parser.add_argument('--classes', nargs='+', metavar='NAME', help='only these classes')
    parser.add_argument(
        '--format',
        nargs='+',
        choices=FORMATS,
        default=[],
        help='formats to write beside ActivityNet json',
    )
    parser.add_argument(
        '--frame-rate', type=float, help="label-studio: the labelling configuration's frameRate"
    )
    parser.add_argument(
        '--existing',
        choices=('merge', 'skip', 'replace', 'error'),
        default='merge',
        help='predictions of other videos that OUT holds already, or that a killed run left '
        'there, are kept (merge, the default), kept and not made again (skip: goes on with a run '
        'that was ended), dropped, or stop the run',
    )


def _add_pictures(parser) -> None:
    parser.add_argument('--timeline', action='store_true', help='draw VIDEO.png')
    parser.add_argument(
        '--clip',
        action='store_true',
        help='write VIDEO.preview.mp4, with the current actions on its frames',
    )
    parser.add_argument(
        '--page',
        action='store_true',
        help='write player.html: the videos, linked, above timelines of what was found',
    )
    parser.add_argument('--annotations', metavar='FILE', help='ground truth for --page, json')
    parser.add_argument(
        '--draw-score-thr',
        type=float,
        default=0.3,
        help='least score of what --timeline and --clip show, and --page at first (0.3)',
    )


def make_inferencer(args):
    """The inferencer that the options describe."""
    from tmx_plugin.apis import TALInferencer

    recognizer, weights = (*(args.recognizer or ()), None, None)[:2]
    return TALInferencer(
        args.config,
        args.checkpoint,
        args.device,
        recognizer=recognizer,
        recognizer_weights=weights,
        extractor_weights=args.extractor_weights,
        flow=args.flow,
        flow_weights=args.flow_weights,
        fps=args.fps,
        cfg_options=args.cfg_options,
        clip_batch_size=args.clip_batch_size,
    )


def run(args) -> int:
    from tmx_plugin.apis.inference_page import write_inference_page
    from tmx_plugin.engine.settings.options import COUNT, RATE, SHARE, check_options

    check_options(
        args,
        batch_size=COUNT,
        clip_batch_size=COUNT,
        top_k=COUNT,
        fps=RATE,
        frame_rate=RATE,
        draw_score_thr=SHARE,
    )

    inferencer = make_inferencer(args)
    results = inferencer.stream(
        args.input,
        batch_size=args.batch_size,
        skip_broken=True,
        score_thr=args.score_thr,
        top_k=args.top_k,
        only=args.classes,
        timeline=args.timeline,
        clip=args.clip,
        vis_out_dir=args.out,
        vis_score_thr=args.draw_score_thr,
        out_dir=args.out,
        formats=args.format,
        existing=args.existing,
        frame_rate=args.frame_rate,
    )
    shown = []
    with closing(results):
        for each in results:
            print(_line(each))
            shown += [each] if args.page else []
    if args.page:
        names, least = inferencer.classes, args.draw_score_thr
        write_inference_page(shown, names, args.out, annotations=args.annotations, score_thr=least)
    for name, reason in inferencer.failed.items():
        print(f'{name}: FAILED: {reason}', file=sys.stderr)
    print(f'written to {args.out}')
    return int(bool(inferencer.failed))


def _line(found: dict) -> str:
    """The best of what was found in a video."""
    best = ', '.join(
        '{label} {segment[0]:.1f}-{segment[1]:.1f} s ({score:.2f})'.format(**action)
        for action in found['actions'][:3]
    )
    return f'{found["video"]}: {len(found["actions"])} segments{": " if best else ""}{best}'


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'infer', args)


if __name__ == '__main__':
    sys.exit(main())
