# THUMOS-14 on two-stream I3D features: 16-frame clips every 4 frames, rgb then flow.
_base_ = './feature_dataloaders.py'

dataset = dict(
    type='Thumos14Dataset',
    data_root='data/thumos14',
    ann_file='annotations/thumos14.json',
    class_file='annotations/classes.txt',
    data_prefix=dict(feats='features/i3d'),
)

train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
