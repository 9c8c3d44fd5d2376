# SPDX-License-Identifier: Apache-2.0
"""Ranges of the settings: by the name of the registered class, and of the parts without one.

What is not listed is checked by the annotations of the constructor alone.
"""

from mmaction import registry

from ...datasets.feature_values import CHOICES
from ...models.task_modules.class_prior import MAX_SHARPNESS
from ...models.task_modules.soft_nms import METHODS
from .rules import (
    BOOL,
    DICT,
    STRING,
    TEXT,
    Rule,
    either,
    is_list,
    list_of,
    number,
    one_of,
    optional,
    pair,
    whole,
)

SHARE = number(0, 1)
POSITIVE = number(above=0)
#: Ends of the regression ranges; the last may be open.
_END = Rule('a number of at least 0', lambda value: number(0).holds(value) or value == float('inf'))

#: Which registry the part under a key is built from, wherever in a config it lies.
REGISTRIES = dict(
    model=registry.MODELS,
    neck=registry.MODELS,
    head=registry.MODELS,
    frame_head=registry.MODELS,
    data_preprocessor=registry.MODELS,
    assigner=registry.TASK_UTILS,
    class_prior=registry.TASK_UTILS,
    loss_cls=registry.MODELS,
    loss_reg=registry.MODELS,
    dataset=registry.DATASETS,
    datasets=registry.DATASETS,
    pipeline=registry.TRANSFORMS,
    sampler=registry.DATA_SAMPLERS,
    optim_wrapper=registry.OPTIM_WRAPPERS,
    optimizer=registry.OPTIMIZERS,
    param_scheduler=registry.PARAM_SCHEDULERS,
    val_evaluator=registry.METRICS,
    test_evaluator=registry.METRICS,
    default_hooks=registry.HOOKS,
    custom_hooks=registry.HOOKS,
    train_cfg=registry.LOOPS,
    val_cfg=registry.LOOPS,
    test_cfg=registry.LOOPS,
    visualizer=registry.VISUALIZERS,
    vis_backends=registry.VISBACKENDS,
    log_processor=registry.LOG_PROCESSORS,
)

#: Arguments that the runner gives and no config.
GIVEN = {
    'self',
    'runner',
    'dataloader',
    'evaluator',
    'optimizer',
    'params',
    'dataset',
    'param_name',
    'save_dir',
    'num_labels',
}

#: Arguments of the part under a key that the part around it gives where the config does not.
SHARED = dict(frame_head={'num_classes', 'in_channels'})

VALUES = dict(
    TemporalMaxer=dict(
        neck=DICT,
        head=DICT,
        backbone=optional(DICT),
        test_cfg=optional(DICT),
        frame_head=optional(DICT),
    ),
    TemporalMaxerNeck=dict(
        in_channels=whole(1),
        out_channels=whole(1),
        num_embed=whole(0, 100),
        num_levels=whole(1, 24),
        norm_cfg=optional(DICT),
        mask_pooling=one_of('max', 'nearest'),
        input_dropout=number(0, below=1),
        input_noise=number(0),
        time_dropout=number(0, below=1),
        top_down=optional(number()),
    ),
    TemporalMaxerHead=dict(
        num_classes=whole(1),
        in_channels=whole(1),
        feat_channels=whole(1),
        num_convs=whole(0, 100),
        regression_ranges=Rule('a list of pairs', is_list),
        prior_prob=number(above=0, below=1),
        loss_weight=number(),
        loss_normalizer=POSITIVE,
        loss_normalizer_momentum=number(0, below=1),
        dropout=number(0, below=1),
    ),
    FrameHead=dict(
        num_classes=whole(1),
        in_channels=whole(1),
        loss_weight=number(0),
        dropout=number(0, below=1),
    ),
    TALDataPreprocessor=dict(pad_to=optional(whole(1)), test_pad_to=optional(whole(1))),
    TemporalSimOTAAssigner=dict(
        cls_weight=number(0),
        iou_weight=number(0),
        center_radius=POSITIVE,
        keep_percent=SHARE,
        confuse_weight=number(0),
    ),
    ClassPrior=dict(
        place_weight=number(0),
        bandwidth=number(above=0, high=1),
        length_weight=number(0),
        use_count=BOOL,
        max_count=whole(1, 100),
        sharpness=number(above=0, high=MAX_SHARPNESS),
    ),
    SnippetFocalLoss=dict(alpha=SHARE, gamma=number(0), label_smoothing=number(0, below=1)),
    PostProcessCfg=dict(
        pre_nms_thresh=number(0, below=1),
        pre_nms_topk=whole(1),
        min_len=optional(number(0)),
        method=one_of(*METHODS),
        sigma=POSITIVE,
        iou_threshold=SHARE,
        t1=SHARE,
        t2=SHARE,
        min_score=number(0, below=1),
        max_seg_num=whole(1),
        voting_thresh=SHARE,
    ),
    TALDataset=dict(
        ann_file=TEXT,
        subset=either(TEXT, list_of(TEXT)),
        feature_stride=POSITIVE,
        offset_frames=number(0),
        fps=optional(POSITIVE),
        class_file=optional(TEXT),
        data_prefix=optional(DICT),
        feature_prefix=either(STRING, DICT),
        feature_suffix=either(STRING, DICT),
        layout=one_of('tc', 'ct'),
        channels=optional(pair(whole(0))),
        sample_stride=whole(1),
        block_list=either(STRING, list_of(TEXT, least=0)),
        missing=one_of('error', 'skip'),
        features=one_of(*CHOICES),
        cache=one_of('none', 'ram'),
        indices=optional(either(whole(1), whole(high=-1), list_of(whole()))),
        test_mode=BOOL,
    ),
    RandomTruncation=dict(
        max_seq_len=whole(1),
        crop_ratio=pair(number(above=0, high=1), strict=False),
        trunc_thresh=SHARE,
        max_tries=whole(1),
    ),
    StretchTime=dict(ratio=pair(POSITIVE, strict=False), max_seq_len=whole(1)),
    TALMetric=dict(
        tiou_thresholds=list_of(number(above=0, high=1)),
        recall_top_k=list_of(whole(1), least=0),
        out_file=optional(TEXT),
    ),
    DefaultSampler=dict(shuffle=BOOL, seed=optional(whole(0, 2**32 - 1))),
    CheckpointHook=dict(
        interval=either(whole(1), one_of(-1)),
        max_keep_ckpts=either(whole(1), one_of(-1)),
        save_begin=whole(0),
        rule=optional(one_of('greater', 'less')),
    ),
    LoggerHook=dict(interval=whole(1)),
    EMAHook=dict(momentum=number(above=0, below=1), begin_iter=whole(0), begin_epoch=whole(0)),
    FiniteHook=dict(patience=whole(0)),
    TALVisualizationHook=dict(
        interval=whole(1), wait_time=number(0), score_thr=SHARE, top_k=optional(whole(1))
    ),
    EpochBasedTrainLoop=dict(max_epochs=whole(1), val_begin=whole(1), val_interval=whole(1)),
    IterBasedTrainLoop=dict(max_iters=whole(1), val_begin=whole(1), val_interval=whole(1)),
    OptimWrapper=dict(accumulative_counts=whole(1), clip_grad=optional(DICT)),
    Optimizer=dict(
        lr=POSITIVE,
        weight_decay=number(0),
        eps=number(0),
        momentum=number(0, below=1),
        betas=list_of(number(0, below=1), length=2),
    ),
    _ParamScheduler=dict(
        begin=whole(0),
        end=whole(1),
        eta_min=number(0),
        gamma=POSITIVE,
        T_max=whole(1),
        start_factor=number(above=0, high=1),
        end_factor=number(0, 1),
        power=POSITIVE,
    ),
    DataLoader=dict(
        batch_size=whole(1),
        num_workers=whole(0, 1024),
        persistent_workers=BOOL,
        prefetch_factor=optional(whole(1)),
        pin_memory=BOOL,
        drop_last=BOOL,
        timeout=number(0),
    ),
    clip_grad=dict(max_norm=POSITIVE, norm_type=POSITIVE, clip_value=POSITIVE),
    auto_scale_lr=dict(enable=BOOL, base_batch_size=whole(1)),
    randomness=dict(seed=optional(whole(0, 2**32 - 1)), diff_rank_seed=BOOL, deterministic=BOOL),
)
