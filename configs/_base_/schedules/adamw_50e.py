# THUMOS-14 and MultiTHUMOS: 5 epochs of linear warm-up, then a cosine laid out for 65 epochs of
# which 50 are run. Both step every iteration.
optim_wrapper = dict(
    type='OptimWrapper',
    # Fused: one pass over weights, gradients and moments, a quarter of the time on a CPU.
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05, fused=True),
    # Weight decay acts on the weights of convolutions alone.
    paramwise_cfg=dict(
        norm_decay_mult=0.0, bias_decay_mult=0.0, custom_keys={'scales': dict(decay_mult=0.0)}
    ),
    clip_grad=dict(max_norm=1.0),
)

param_scheduler = [
    # lr * k / (W - 1) at iteration k of W. MMEngine multiplies the previous value, so that it
    # cannot leave 0: start 1e-12 above it, nothing in float32.
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
        end=65,
        convert_to_iter_based=True,
    ),
]

# Epochs are counted from 1; OpenTAD counts from 0: its epoch_45.pth is epoch_46.pth here.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=50, val_begin=40, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# The learning rate is for batches of 2; --auto-scale-lr scales it with the real batch size.
auto_scale_lr = dict(enable=False, base_batch_size=2)
