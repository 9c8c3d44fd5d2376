# EPIC-Kitchens-100 verbs on SlowFast features: 32-frame clips every 16 frames at 30 fps.
dataset_type = 'EpicKitchens100Dataset'
data_root = 'data/epic_kitchens'
ann_file = 'annotations/epic_verb.json'
class_file = 'annotations/verb_classes.txt'
data_prefix = dict(feats='features/slowfast')

train_pipeline = [
    dict(type='LoadFeatures'),
    dict(type='SegmentsToGrid'),
    dict(type='RandomTruncation', max_seq_len=2304, trunc_thresh=0.3),
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
        target='verb',
        data_root=data_root,
        ann_file=ann_file,
        class_file=class_file,
        data_prefix=data_prefix,
        subset='train',
        pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        target='verb',
        data_root=data_root,
        ann_file=ann_file,
        class_file=class_file,
        data_prefix=data_prefix,
        subset='val',
        pipeline=test_pipeline,
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(type='TALMetric', tiou_thresholds=[0.1, 0.2, 0.3, 0.4, 0.5])
test_evaluator = val_evaluator
