# GTEA with Spatial-CNN features (128 channels, 15 a second), split 1 of 4: data/gtea/ with
# annotations/split_K.json, annotations/classes.txt and features/split_K/VIDEO.npy.
# tools/analysis/cross_validate.py runs all splits.
_base_ = ['./hapt_inertial.py']

dataset = dict(
    _delete_=True,
    type='TALDataset',
    data_root='data/gtea',
    ann_file='annotations/split_1.json',
    class_file='annotations/classes.txt',
    data_prefix=dict(feats='features/split_1'),
    feature_stride=1,
    offset_frames=0.5,
    fps=15,
)
train_dataloader = dict(
    dataset=dict(
        **dataset,
        subset='training',
        pipeline=[
            dict(type='LoadFeatures'),
            dict(type='SegmentsToGrid'),
            dict(type='RandomTruncation', max_seq_len=2304, trunc_thresh=0.3),
            dict(type='PackTALInputs'),
        ],
    )
)
val_dataloader = dict(
    dataset=dict(
        **dataset,
        subset='validation',
        pipeline=[dict(type='LoadFeatures'), dict(type='PackTALInputs')],
        test_mode=True,
    )
)
test_dataloader = val_dataloader

model = dict(
    data_preprocessor=dict(pad_to=None), neck=dict(in_channels=128), head=dict(num_classes=10)
)

param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-12,
        by_epoch=True,
        begin=0,
        end=5,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-8,
        by_epoch=True,
        begin=5,
        end=80,
        convert_to_iter_based=True,
    ),
]
# 880 steps. What is reported is the last epoch.
train_cfg = dict(max_epochs=80, val_begin=80, val_interval=80)

cross_validation = dict(
    splits=[1, 2, 3, 4],
    settings={
        f'{name}_dataloader.dataset.{key}': value
        for name in ('train', 'val', 'test')
        for key, value in (
            ('ann_file', 'annotations/split_{split}.json'),
            ('data_prefix.feats', 'features/split_{split}'),
        )
    },
)
