# SPDX-License-Identifier: Apache-2.0
"""The tools that write files: how to call each of them in one small folder, and what it leaves."""

import hashlib
import json
import pickle
import re

import cv2
import numpy as np
import torch

ANNOTATIONS = 'data/synthetic/annotations/synthetic.json'
FEATURES = 'data/synthetic/features/val_0000.npy'
CPU = ('--device', 'cpu')

#: The tool of each case and its arguments. All that they write begins with ``out``.
RUNS = {
    'train': (
        *('train.py', 'tiny.py', '--work-dir', 'out', '--seed', 1, '--cfg-options'),
        'default_hooks.checkpoint.max_keep_ckpts=1',
    ),
    'test': (
        *('test.py', 'tiny.py', 'A/epoch_2.pth', '--work-dir', 'out', '--dump', 'out/x.pkl'),
        *('--cfg-options', 'test_evaluator.out_file=out/x.json'),
    ),
    'synthetic': ('data/make_synthetic.py', 'out', '--num-train', 1, '--num-val', 1),
    'extract': (
        *('extract_features.py', 'videos', 'out', '--config', 'tsn.py', '--random-weights'),
        *('--clip-len', 4, *CPU),
    ),
    'infer': (
        *('infer.py', FEATURES, 'tiny.py', 'A/epoch_2.pth', '--out', 'out', '--top-k', 20, *CPU),
        *('--format', 'csv', 'srt', 'vtt', 'label-studio', '--frame-rate', 25),
        *('--timeline', '--page'),
    ),
    'preview': (
        *('infer.py', 'videos/v.mp4', 'wide.py', 'wide.pth', '--recognizer', 'tsn.py', *CPU),
        *('--out', 'out', '--clip', '--top-k', 5, '--draw-score-thr', 0),
    ),
    'report': (
        *('analysis/report.py', 'p.json', ANNOTATIONS, '--out', 'out', '--subset', 'validation'),
        *('--thresholds', 'out/thresholds.json'),
    ),
    'tested report': (*('analysis/report.py', 'tiny.py', 'A/epoch_2.pth', '--out', 'out'),),
    'timeline': (
        *('analysis/plot_timeline.py', 'p.json', ANNOTATIONS, '--out', 'out'),
        *('--videos', 'val_0000', '--score-thr', 0, '--top-k', 20),
    ),
    'browse': ('analysis/browse_dataset.py', ANNOTATIONS, '--out', 'out'),
    'logs': ('analysis/plot_logs.py', 'A', '--keys', 'loss', '--out', 'out.png'),
    'convert': ('data/convert_annotations.py', 'csv', 'x.csv', '--out', 'out/a.json'),
    'released': (
        *('convert/released_checkpoint.py', 'A/epoch_2.pth', 'out.pth', '--config', 'tiny.py'),
    ),
    'per class': ('convert/per_class_json.py', 'per_class.json', '--out', 'out'),
    'pickle': ('convert/pickle_features.py', 'old.pkl', '--trust-pickle', '--out', 'out'),
    'standardize': ('data/fit_standardize.py', 'tiny.py', '--out', 'out.json'),
    'check': ('data/check_dataset.py', 'tiny.py', '--plot', 'out.png', '--split', 'val'),
    'onnx': ('deploy/export_onnx.py', 'tiny.py', 'A/epoch_2.pth', 'out.onnx'),
}
RECOGNIZER = """
model = dict(
    type='Recognizer2D',
    backbone=dict(type='ResNet', depth=18, num_stages=1, strides=(1, ), dilations=(1, ),
                  out_indices=(0, )),
    cls_head=dict(type='TSNHead', num_classes=5, in_channels=64),
    data_preprocessor=dict(type='ActionDataPreprocessor', mean=[127.] * 3, std=[60.] * 3,
                           format_shape='NCHW'))
test_pipeline = [dict(type='Resize', scale=(-1, 36)), dict(type='CenterCrop', crop_size=32)]
"""


def furnish(place) -> None:
    """Put beside a trained model what the tools read."""
    from tmx_plugin.apis import init_localizer

    (place / 'tsn.py').write_text(RECOGNIZER)
    (place / 'wide.py').write_text("_base_ = 'tiny.py'\nmodel = dict(neck=dict(in_channels=64))\n")
    torch.manual_seed(0)
    weights = init_localizer(place / 'wide.py').state_dict()
    torch.save(dict(state_dict=weights, meta={}), place / 'wide.pth')
    (place / 'videos').mkdir()
    for name in 'vw':
        kind = cv2.VideoWriter_fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(place / f'videos/{name}.mp4'), kind, 20, (64, 48))
        for i in range(12):
            writer.write(np.full((48, 64, 3), 20 * i, dtype=np.uint8))
        writer.release()
    (place / 'x.csv').write_text('video,start,end,label,duration,fps\nv,1,4,run,9,20\n')
    (place / 'per_class.json').write_text(
        json.dumps(dict(gt={'1': {'7': [[1, 2]]}}, det={'0': {'7': [[5, 7, 0.9]]}}))
    )
    (place / 'old.pkl').write_bytes(pickle.dumps(np.ones((3, 2), np.float32)))
    database = json.loads((place / ANNOTATIONS).read_text())['database']
    found = {
        video: [dict(**each, score=0.5) for each in facts['annotations']]
        for video, facts in database.items()
        if facts['subset'] == 'validation'
    }
    (place / 'p.json').write_text(json.dumps(dict(results=found)))


def left(place) -> dict:
    """Digests of all files under final names that begin with ``out``, MMEngine's logs aside."""
    files = {}
    for path in sorted(place.glob('out*/**/*')) + sorted(place.glob('out*')):
        name = str(path.relative_to(place))
        if path.is_file() and not path.name.startswith('.') and not is_log(name):
            content = path.read_bytes().replace(str(place).encode(), b'PLACE')
            files[name] = hashlib.sha256(content).hexdigest()
    return files


def is_log(name: str) -> bool:
    """Whether a file is one that lines are appended to, or the copy of a config beside it."""
    return re.search(r'/\d{8}_\d{6}/|\.py$|\.partial\.jsonl$', name) is not None
