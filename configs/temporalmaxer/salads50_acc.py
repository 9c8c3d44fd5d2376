# 50 Salads, 17 mid-level activities, accelerometers of the utensils (30 channels, 3 a second), the
# same files for all splits: data/salads50_mid/features/accelerometers/.
_base_ = ['./salads50_scnn.py']

dataset = dict(data_prefix=dict(feats='features/accelerometers'))
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
model = dict(neck=dict(in_channels=30))
cross_validation = dict(
    settings=dict(
        _delete_=True,
        **{
            f'{name}_dataloader.dataset.ann_file': 'annotations/split_{split}.json'
            for name in ('train', 'val', 'test')
        },
    )
)
