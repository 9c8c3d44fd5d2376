# HAPT: windows of 1 s every 0.5 s of the six signals of a phone (tools/data/prepare_hapt.py).
dataset_type = 'HAPTDataset'
data_root = 'data/hapt'
ann_file = 'annotations/hapt.json'
class_file = 'annotations/classes.txt'
data_prefix = dict(feats='features')

train_pipeline = [
    dict(type='LoadFeatures'),
    dict(type='SegmentsToGrid'),
    dict(type='RandomTruncation', max_seq_len=1024, trunc_thresh=0.3),
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

val_evaluator = dict(type='TALMetric', tiou_thresholds=[0.3, 0.4, 0.5, 0.6, 0.7])
test_evaluator = val_evaluator
