# The small data set that tools/data/make_synthetic.py writes.
_base_ = './feature_dataloaders.py'

dataset = dict(
    type='TALDataset',
    data_root='data/synthetic',
    ann_file='annotations/synthetic.json',
    class_file='annotations/classes.txt',
    data_prefix=dict(feats='features'),
    feature_stride=8,
    offset_frames=8,
    fps=32,
)
train_pipeline = [
    dict(type='LoadFeatures'),
    dict(type='SegmentsToGrid'),
    dict(type='RandomTruncation', max_seq_len=512, trunc_thresh=0.5),
    dict(type='PackTALInputs'),
]

train_dataloader = dict(dataset=dict(**dataset, pipeline=train_pipeline))
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
