# HAPT: 12 activities and postural transitions in phone recordings; trains in minutes on a CPU.
_base_ = [
    '../_base_/models/temporal_maxer.py',
    '../_base_/datasets/hapt_data.py',
    '../_base_/schedules/adamw_35e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(pad_to=1024),
    neck=dict(in_channels=300, out_channels=128),
    head=dict(
        num_classes=12,
        in_channels=128,
        feat_channels=128,
        regression_ranges=[(0, 4), (2, 8), (4, 16), (8, 32), (16, 64), (32, 10000)],
        loss_normalizer=250,
    ),
    test_cfg=dict(pre_nms_topk=5000, sigma=0.4, max_seg_num=2000),
)

optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-12,
        by_epoch=True,
        begin=0,
        end=5,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-8,
        by_epoch=True,
        begin=5,
        end=30,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=30, val_begin=1, val_interval=5)
default_hooks = dict(ema=dict(momentum=0.01))

work_dir = './work_dirs/{{ fileBasenameNoExtension }}'
