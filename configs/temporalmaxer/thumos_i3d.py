# THUMOS-14, two-stream I3D features (rgb + flow, 2048 channels).
_base_ = [
    '../_base_/models/temporal_maxer.py',
    '../_base_/datasets/thumos14_i3d_data.py',
    '../_base_/schedules/adamw_50e.py',
    '../_base_/default_runtime.py',
    '../_base_/features/i3d_two_stream_features.py',
]

model = dict(
    neck=dict(
        input_dropout=0.2, norm_cfg=dict(_delete_=True, type='GN', num_groups=4, affine=False)
    )
)

work_dir = './work_dirs/{{ fileBasenameNoExtension }}'
