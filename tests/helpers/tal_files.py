# SPDX-License-Identifier: Apache-2.0
"""A data set of small files for TALDataset."""

import json

from mmaction.registry import DATASETS

FPS, STRIDE, OFFSET = 8, 4, 4


TRAIN_PIPELINE = [
    dict(type='LoadFeatures'),
    dict(type='SegmentsToGrid'),
    dict(type='RandomTruncation', max_seq_len=12),
    dict(type='PackTALInputs'),
]


TEST_PIPELINE = [dict(type='LoadFeatures'), dict(type='PackTALInputs')]


def video(subset, *annotations, length=20, **more):
    """Annotation of a video whose ``length`` features cover it exactly."""
    return dict(
        dict(
            subset=subset,
            duration=((length - 1) * STRIDE + 2 * OFFSET) / FPS,
            fps=FPS,
            annotations=[dict(label=x, segment=[s, e]) for x, s, e in annotations],
        ),
        **more,
    )


DATABASE = dict(
    a=video('Training', ('run', 0, 4), ('jump', 5, 6), ('Ambiguous', 1, 2)),
    b=video('Training', ('jump', 2, 3)),
    c=video('Training', ('Ambiguous', 0, 1)),
    d=video('Validation', ('run', 1, 2), ('run', 1, 2)),
    e=video('Validation'),
)


def build(root, **kwargs):
    settings = dict(
        dict(
            ann_file='a.json',
            subset='training',
            class_file='classes.txt',
            feature_stride=STRIDE,
            offset_frames=OFFSET,
            pipeline=TRAIN_PIPELINE,
        ),
        **kwargs,
    )
    return DATASETS.build(dict(type='TALDataset', data_root=str(root), **settings))


def names(dataset):
    return [dataset.get_data_info(i)['video_id'] for i in range(len(dataset))]


def rewrite(root, **videos):
    (root / 'a.json').write_text(json.dumps(dict(database={**DATABASE, **videos})))
