# What all data sets of features share: one video a batch in testing, windows of 2304 in training.
# A file that builds on this one says what its data set is, and what it does otherwise.
train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        subset='training',
        pipeline=[
            dict(type='LoadFeatures'),
            dict(type='SegmentsToGrid'),
            dict(type='RandomTruncation', max_seq_len=2304, trunc_thresh=0.5),
            dict(type='PackTALInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        subset='validation',
        test_mode=True,
        pipeline=[dict(type='LoadFeatures'), dict(type='PackTALInputs')],
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='TALMetric', tiou_thresholds=[0.3, 0.4, 0.5, 0.6, 0.7])
test_evaluator = val_evaluator
