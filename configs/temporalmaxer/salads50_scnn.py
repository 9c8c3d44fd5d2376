# 50 Salads, 17 mid-level activities, Spatial-CNN features (128 channels, 3 a second), split 1 of 5:
# data/salads50_mid/, laid out as GTEA's.
_base_ = ['./gtea_scnn.py']

dataset = dict(data_root='data/salads50_mid', fps=3)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
model = dict(head=dict(num_classes=17))
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
        end=40,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=40, val_begin=40, val_interval=40)
cross_validation = dict(splits=[1, 2, 3, 4, 5])
