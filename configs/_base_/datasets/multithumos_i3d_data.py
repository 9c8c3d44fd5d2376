# MultiTHUMOS on two-stream I3D features: 16-frame clips every 4 frames, rgb then flow.
_base_ = './feature_dataloaders.py'

dataset = dict(
    type='MultiThumosDataset',
    data_root='data/multithumos',
    ann_file='annotations/multithumos.json',
    class_file='annotations/classes.txt',
    data_prefix=dict(feats='features/i3d'),
)

train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader

val_evaluator = dict(tiou_thresholds=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
test_evaluator = val_evaluator
