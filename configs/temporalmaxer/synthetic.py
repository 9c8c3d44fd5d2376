# Generated sequences (tools/data/make_synthetic.py): what `make demo` trains, in about a minute.
_base_ = [
    '../_base_/models/temporal_maxer.py',
    '../_base_/datasets/synthetic_data.py',
    '../_base_/schedules/adamw_35e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(pad_to=512),
    neck=dict(in_channels=32, out_channels=64),
    head=dict(num_classes=5, in_channels=64, feat_channels=64),
)

optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-12,
        by_epoch=True,
        begin=0,
        end=2,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-8,
        by_epoch=True,
        begin=2,
        end=20,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=20, val_begin=1, val_interval=5)
default_hooks = dict(ema=dict(momentum=0.01))

work_dir = './work_dirs/{{ fileBasenameNoExtension }}'
