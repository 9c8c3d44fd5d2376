# HAPT: windows of 1 s every 0.5 s of the six signals of a phone (tools/data/prepare_hapt.py).
_base_ = './feature_dataloaders.py'

dataset = dict(
    type='HAPTDataset',
    data_root='data/hapt',
    ann_file='annotations/hapt.json',
    class_file='annotations/classes.txt',
    data_prefix=dict(feats='features'),
)
train_pipeline = [
    dict(type='LoadFeatures'),
    dict(type='SegmentsToGrid'),
    dict(type='RandomTruncation', max_seq_len=1024, trunc_thresh=0.3),
    dict(type='PackTALInputs'),
]

train_dataloader = dict(dataset=dict(**dataset, pipeline=train_pipeline))
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
