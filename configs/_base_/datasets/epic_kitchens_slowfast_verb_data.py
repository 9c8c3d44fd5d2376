# EPIC-Kitchens-100 verbs on SlowFast features: 32-frame clips every 16 frames at 30 fps.
_base_ = './feature_dataloaders.py'

dataset = dict(
    type='EpicKitchens100Dataset',
    target='verb',
    data_root='data/epic_kitchens',
    ann_file='annotations/epic_verb.json',
    class_file='annotations/verb_classes.txt',
    data_prefix=dict(feats='features/slowfast'),
)
train_pipeline = [
    dict(type='LoadFeatures'),
    dict(type='SegmentsToGrid'),
    dict(type='RandomTruncation', max_seq_len=2304, trunc_thresh=0.3),
    dict(type='PackTALInputs'),
]

train_dataloader = dict(dataset=dict(**dataset, subset='train', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, subset='val'))
test_dataloader = val_dataloader

val_evaluator = dict(tiou_thresholds=[0.1, 0.2, 0.3, 0.4, 0.5])
test_evaluator = val_evaluator
