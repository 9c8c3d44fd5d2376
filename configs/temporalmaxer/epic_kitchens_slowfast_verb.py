# EPIC-Kitchens-100 verbs, SlowFast features (2304 channels).
_base_ = [
    '../_base_/models/temporal_maxer.py',
    '../_base_/datasets/epic_kitchens_slowfast_verb_data.py',
    '../_base_/schedules/adamw_35e.py',
    '../_base_/default_runtime.py',
    '../_base_/features/slowfast_epic_features.py',
]

model = dict(
    neck=dict(in_channels=2304),
    head=dict(
        num_classes=97,
        regression_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 10000)],
        loss_normalizer=250,
    ),
    test_cfg=dict(pre_nms_topk=5000, sigma=0.4, max_seg_num=2000),
)

work_dir = './work_dirs/{{ fileBasenameNoExtension }}'
