# MultiTHUMOS, two-stream I3D features (rgb + flow, 2048 channels).
_base_ = [
    '../_base_/models/temporal_maxer.py',
    '../_base_/datasets/multithumos_i3d_data.py',
    '../_base_/schedules/adamw_50e.py',
    '../_base_/default_runtime.py',
    '../_base_/features/i3d_two_stream_features.py',
]

model = dict(
    neck=dict(num_embed=3),
    head=dict(num_classes=65),
    test_cfg=dict(pre_nms_topk=8000, max_seg_num=8000),
)

train_cfg = dict(val_begin=30)

work_dir = './work_dirs/{{ fileBasenameNoExtension }}'
