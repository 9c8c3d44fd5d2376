# MultiTHUMOS on two-stream I3D features: 16-frame clips every 4 frames, rgb then flow.
dataset_type = 'MultiThumosDataset'
data_root = 'data/multithumos'
ann_file = 'annotations/multithumos.json'
class_file = 'annotations/classes.txt'
data_prefix = dict(feats='features/i3d')

train_pipeline = [
    dict(type='LoadFeatures'),
    dict(type='SegmentsToGrid'),
    dict(type='RandomTruncation', max_seq_len=2304, trunc_thresh=0.5),
    dict(type='PackTALInputs'),
]
test_pipeline = [dict(type='LoadFeatures'), dict(type='PackTALInputs')]

train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        class_file=class_file,
        data_prefix=data_prefix,
        subset='training',
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file=ann_file,
        class_file=class_file,
        data_prefix=data_prefix,
        subset='validation',
        pipeline=test_pipeline,
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='TALMetric', tiou_thresholds=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
test_evaluator = val_evaluator
