# 50 Salads, I3D features (2048 channels, 30 a second, every 10th is used) in the layout of MS-TCN:
# tools/data/prepare.py 50salads. Not trained here.
_base_ = './gtea_i3d.py'

dataset = dict(data_root='data/50salads', fps=30, sample_stride=10)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)

model = dict(head=dict(num_classes=17))

work_dir = './work_dirs/{{ fileBasenameNoExtension }}'
