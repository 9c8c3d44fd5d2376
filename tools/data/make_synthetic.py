#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Write a small synthetic data set for temporal action localization.

    python tools/data/make_synthetic.py data/synthetic --seed 0

Untrimmed sequences of noisy features with segments of five classes between 1 and 20 seconds, which
overlap and leave long stretches empty. "rise" and "fall" are made of the same two patterns in
opposite order, and faint copies of every class are mixed in that are no segments, so that a single
feature does not tell the class. The same seed gives the same files.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))

FPS = 32
STRIDE = 8
CLIP = 16
CHANNELS = 32
AMPLITUDE = 4.0
#: Patterns of each class in their order, and the range of its durations in seconds.
CLASSES = {
    'tap': ((0,), (1.0, 2.0)),
    'wave': ((1,), (3.0, 6.0)),
    'walk': ((2,), (8.0, 20.0)),
    'rise': ((3, 4), (3.0, 8.0)),
    'fall': ((4, 3), (3.0, 8.0)),
}
NUM_PATTERNS = 5


def draw_segments(rng, duration: float) -> list:
    """Draw ``(label, start, end)`` in seconds; a quarter of the sequence stays empty.

    Segments of one class, or of the same patterns, keep a second of distance.
    """
    quiet = rng.uniform(0, 0.75 * duration)
    segments = []
    for _ in range(int(duration / 4)):
        label = rng.choice(list(CLASSES))
        patterns, limits = CLASSES[label]
        length = rng.uniform(*limits)
        start = round(rng.uniform(0, max(duration - length, 0)), 2)
        end = min(round(start + length, 2), duration)
        clash = any(
            set(patterns) & set(CLASSES[other][0]) and start < e + 1 and s < end + 1
            for other, s, e in segments
        )
        if not clash and (end <= quiet or start >= quiet + 0.25 * duration):
            segments.append((str(label), start, end))
    return sorted(segments, key=lambda x: x[1:])


def render(times, segments, patterns):
    """Sum the patterns of segments at the given times: (T, C), with soft edges of about 0.2 s."""
    import numpy as np

    out = np.zeros((len(times), patterns.shape[1]))
    for label, start, end in segments:
        order = CLASSES[label][0]
        edges = np.linspace(start, end, len(order) + 1)
        for pattern, low, high in zip(order, edges[:-1], edges[1:]):
            envelope = 0.5 + 0.5 * np.tanh(np.minimum(times - low, high - times) / 0.12)
            out += envelope[:, None] * patterns[pattern]
    return out


def make_sequence(rng, patterns):
    """One sequence: float32 features (T, C), its duration in seconds and its segments."""
    import numpy as np

    from tmx_plugin.structures.video_time import VideoTime

    length = int(rng.integers(200, 600, endpoint=True))
    duration = VideoTime(STRIDE, CLIP / 2, FPS).extent(length)
    times = VideoTime(STRIDE, CLIP / 2, FPS, duration).to_seconds(np.arange(length))
    segments = draw_segments(rng, duration)
    feats = AMPLITUDE * render(times, segments, patterns)
    feats += 0.3 * AMPLITUDE * render(times, draw_segments(rng, duration), patterns)
    feats += rng.standard_normal(feats.shape)
    drift = 0.05 * np.cumsum(rng.standard_normal((length, 2)), axis=0)
    feats += drift @ rng.standard_normal((2, CHANNELS))
    return feats.astype(np.float32), duration, segments


def make_dataset(out, *, seed: int, num_train: int, num_val: int) -> None:
    """Write features, annotations and the class list below ``out``."""
    import numpy as np
    from mmengine.utils import track_iter_progress

    from tmx_plugin.utils.files import atomic_write, save_array

    rng, out, database = np.random.default_rng(seed), Path(out), {}
    # Directions at right angles, so that only time, noise and faint copies make it hard.
    patterns = np.linalg.qr(rng.standard_normal((CHANNELS, NUM_PATTERNS)))[0].T
    names = [('training', f'train_{i:04d}') for i in range(num_train)]
    names += [('validation', f'val_{i:04d}') for i in range(num_val)]
    for subset, video in track_iter_progress(names, file=sys.stderr):
        feats, duration, segments = make_sequence(rng, patterns)
        save_array(out / 'features' / f'{video}.npy', feats)
        database[video] = dict(
            subset=subset,
            duration=duration,
            frame=int(duration * FPS),
            fps=FPS,
            annotations=[dict(label=label, segment=[s, e]) for label, s, e in segments],
        )
    with atomic_write(out / 'annotations' / 'classes.txt') as file:
        file.write('\n'.join(CLASSES) + '\n')
    # Last, so that annotations are there only when all they name is.
    with atomic_write(out / 'annotations' / 'synthetic.json') as file:
        json.dump(dict(version=f'synthetic, seed {seed}', database=database), file, indent=1)
    count = sum(len(x['annotations']) for x in database.values())
    print(f'{num_train} + {num_val} sequences with {count} segments written to {out}')


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', help='folder to write, usually data/synthetic')
    parser.add_argument('--seed', type=int, default=0, help='default: 0')
    parser.add_argument('--num-train', type=int, default=60, help='sequences to train on')
    parser.add_argument('--num-val', type=int, default=20, help='sequences to validate on')
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    args = parser.parse_args(argv)
    if args.seed < 0 or args.num_train < 1 or args.num_val < 1:
        parser.error('the seed must not be negative, and there must be sequences of both kinds')
    return args


def run(args) -> None:
    make_dataset(args.out, seed=args.seed, num_train=args.num_train, num_val=args.num_val)


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'make_synthetic', args)


if __name__ == '__main__':
    sys.exit(main())
