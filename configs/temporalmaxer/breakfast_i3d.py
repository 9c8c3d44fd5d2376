# Breakfast, I3D features (2048 channels, 15 a second, every 5th is used) in the layout of MS-TCN:
# tools/data/prepare.py breakfast. Not trained here.
_base_ = './gtea_i3d.py'

dataset = dict(data_root='data/breakfast', sample_stride=5)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)

model = dict(head=dict(num_classes=47))

work_dir = './work_dirs/{{ fileBasenameNoExtension }}'
