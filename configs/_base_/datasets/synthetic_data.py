# The small data set that tools/data/make_synthetic.py writes.
dataset_type = 'TALDataset'
data_root = 'data/synthetic'
ann_file = 'annotations/synthetic.json'
class_file = 'annotations/classes.txt'
data_prefix = dict(feats='features')

train_pipeline = [
    dict(type='LoadFeatures'),
    dict(type='SegmentsToGrid'),
    dict(type='RandomTruncation', max_seq_len=512, trunc_thresh=0.5),
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
        feature_stride=8,
        offset_frames=8,
        fps=32,
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
        feature_stride=8,
        offset_frames=8,
        fps=32,
        data_root=data_root,
        ann_file=ann_file,
        class_file=class_file,
        data_prefix=data_prefix,
        subset='validation',
        pipeline=test_pipeline,
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(type='TALMetric', tiou_thresholds=[0.3, 0.4, 0.5, 0.6, 0.7])
test_evaluator = val_evaluator
