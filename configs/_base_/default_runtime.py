# What every run has in common: hooks, logging, environment.
custom_imports = dict(imports=['tmx_plugin'], allow_failed_imports=False)
default_scope = 'mmaction'

default_hooks = dict(
    run_folder=dict(type='RunFolderHook'),
    interrupt=dict(type='InterruptHook'),
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    epoch_seed=dict(type='EpochSeedHook'),
    data_check=dict(type='DataCheckHook'),
    finite=dict(type='FiniteHook'),
    # Does nothing unless the model has a class_prior.
    class_prior=dict(type='ClassPriorHook'),
    load_checkpoint=dict(type='TALCheckpointHook', strict=True),
    resume_val=dict(type='ResumeValHook'),
    ema=dict(type='TALEMAHook', momentum=0.001, update_buffers=True),
    # The rule must be given: MMEngine cannot guess it from this metric's name.
    checkpoint=dict(
        type='AtomicCheckpointHook',
        interval=1,
        save_best='average_mAP',
        rule='greater',
        backend_args=dict(backend='atomic'),
    ),
    # Off until --show or --show-dir of tools/test.py switches it on.
    visualization=dict(type='TALVisualizationHook'),
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)

log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
log_level = 'INFO'

# For TensorBoard or Weights & Biases append dict(type='TensorboardVisBackend') or
# dict(type='WandbVisBackend') to visualizer.vis_backends in a config; on the command line
# visualizer.vis_backends.0.type=TensorboardVisBackend takes the place of the local files.
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='TALVisualizer', vis_backends=vis_backends)

# Batches have different lengths in testing, and every parameter is used in every step.
find_unused_parameters = False

load_from = None
resume = False
