# EPIC-Kitchens-100: as adamw_50e.py, with the cosine laid out for the 35 epochs that are run.
_base_ = './adamw_50e.py'

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
        end=35,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=35, val_begin=16)
