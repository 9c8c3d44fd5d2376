# GTEA, I3D features (2048 channels, 15 a second) in the layout of MS-TCN: tools/data/prepare.py
# gtea. Not trained here. Other splits: *_dataloader.dataset.ann_file=annotations/split_2.json.
_base_ = [
    '../_base_/models/temporal_maxer.py',
    '../_base_/datasets/feature_dataloaders.py',
    '../_base_/schedules/adamw_35e.py',
    '../_base_/default_runtime.py',
]

dataset = dict(
    type='TALDataset',
    data_root='data/gtea',
    ann_file='annotations/split_1.json',
    class_file='annotations/classes.txt',
    data_prefix=dict(feats='features'),
    layout='ct',
    feature_stride=1,
    offset_frames=0.5,
    fps=15,
)
train_dataloader = dict(
    dataset=dict(
        **dataset,
        pipeline=[
            dict(type='LoadFeatures'),
            dict(type='SegmentsToGrid'),
            dict(type='RandomTruncation', max_seq_len=2304, trunc_thresh=0.3),
            dict(type='PackTALInputs'),
        ],
    )
)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader

model = dict(
    data_preprocessor=dict(pad_to=None),
    neck=dict(in_channels=2048, out_channels=128),
    head=dict(
        num_classes=10,
        in_channels=128,
        feat_channels=128,
        regression_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 10000)],
        loss_normalizer=250,
    ),
    test_cfg=dict(pre_nms_topk=5000, sigma=0.4, max_seg_num=2000),
)
train_cfg = dict(val_begin=1, val_interval=5)
default_hooks = dict(ema=dict(momentum=0.01))

work_dir = './work_dirs/{{ fileBasenameNoExtension }}'
