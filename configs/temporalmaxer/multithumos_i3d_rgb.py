# MultiTHUMOS, the rgb half (channels 0 to 1023) of the two-stream I3D features.
_base_ = './multithumos_i3d.py'

features = dict(networks=['i3d_rgb'], flow=None)
model = dict(neck=dict(in_channels=1024))

train_dataloader = dict(dataset=dict(channels=(0, 1024)))
val_dataloader = dict(dataset=dict(channels=(0, 1024)))
test_dataloader = val_dataloader

work_dir = './work_dirs/{{ fileBasenameNoExtension }}'
