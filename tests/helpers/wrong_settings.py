# SPDX-License-Identifier: Apache-2.0
"""Wrong settings, each with the sentence that names it."""

import tmx_plugin.engine.hooks  # noqa: F401  registers them

NAN, INF = float('nan'), float('inf')


RANGES = 'model.head.regression_ranges'


DATASET = 'train_dataloader.dataset'


UNKNOWN, REGISTERED = 'found an unknown name', 'expected the name of a registered class, found '


#: (path of the setting, value, what the sentence says after that path)
WRONG = [
    # names
    ('model.nek', {}, f"expected an argument of TemporalMaxer, {UNKNOWN}; did you mean 'neck'?"),
    (
        'model.type',
        'TemporalMaxxer',
        f"{REGISTERED}'TemporalMaxxer'; did you mean 'TemporalMaxer'?",
    ),
    ('model.type', 3, f'{REGISTERED}3'),
    (
        'model.neck.type',
        'TemporalMaxerNek',
        f"{REGISTERED}'TemporalMaxerNek'; did you mean 'TemporalMaxerNeck'?",
    ),
    (
        'model.neck.out_chanels',
        8,
        f"expected an argument of TemporalMaxerNeck, {UNKNOWN}; did you mean 'out_channels'?",
    ),
    ('model.head.foo', 8, f'expected an argument of TemporalMaxerHead, {UNKNOWN}'),
    (
        'model.test_cfg.sigmar',
        0.5,
        f"expected an argument of the post-processing, {UNKNOWN}; did you mean 'sigma'?",
    ),
    (
        'model.head.assigner.centre_radius',
        1.0,
        f"expected an argument of TemporalSimOTAAssigner, {UNKNOWN}; did you mean 'center_radius'?",
    ),
    (
        'train_dataloader.batchsize',
        2,
        f"expected an argument of the data loader, {UNKNOWN}; did you mean 'batch_size'?",
    ),
    (
        f'{DATASET}.annfile',
        'x',
        f"expected an argument of TALDataset, {UNKNOWN}; did you mean 'ann_file'?",
    ),
    ('optim_wrapper.optimizer.learning_rate', 1.0, f'expected an argument of AdamW, {UNKNOWN}'),
    ('optim_wrapper.optimizer.type', 'AdamWW', f"{REGISTERED}'AdamWW'; did you mean 'AdamW'?"),
    ('val_evaluator.type', 'TALMetrics', f"{REGISTERED}'TALMetrics'; did you mean 'TALMetric'?"),
    (
        'default_hooks.ema.type',
        'TALEmaHook',
        f"{REGISTERED}'TALEmaHook'; did you mean 'TALEMAHook'?",
    ),
    (
        'train_cfg.max_epoch',
        3,
        f"expected an argument of EpochBasedTrainLoop, {UNKNOWN}; did you mean 'max_epochs'?",
    ),
    # shapes of the network
    *(
        (f'model.neck.{key}', value, f'expected a whole number {bound}, found {value!r}')
        for key, bound, values in (
            ('num_levels', 'from 1 to 24', (0, -1, 2.5, 40, True, '3', None)),
            ('in_channels', 'of at least 1', (0, -6, 6.0, NAN, [6])),
            ('out_channels', 'of at least 1', (0, -8)),
            ('num_embed', 'from 0 to 100', (-1, 1.5, 1000)),
        )
        for value in values
    ),
    *(
        (
            'model.neck.input_dropout',
            value,
            f'expected a finite number of at least 0 and below 1, found {value!r}',
        )
        for value in (-0.1, 1, 1.5, NAN, 'a')
    ),
    ('model.neck.mask_pooling', 'mean', "expected 'max' or 'nearest', found 'mean'"),
    ('model.neck', 'x', "expected a dict, found 'x'"),
    *(
        (f'model.head.{key}', value, f'expected {expected}, found {value!r}')
        for key, expected, values in (
            ('num_classes', 'a whole number of at least 1', (0, -2, 2.5, '2')),
            ('num_convs', 'a whole number from 0 to 100', (-1, 2.5)),
            ('prior_prob', 'a finite number above 0 and below 1', (0, 1, -1.0, NAN)),
            ('loss_normalizer', 'a finite number above 0', (0, -1, NAN, INF)),
            (
                'loss_normalizer_momentum',
                'a finite number of at least 0 and below 1',
                (1.0, -1, NAN),
            ),
            ('loss_weight', 'a finite number', (NAN, INF, '1')),
        )
        for value in values
    ),
    ('model.head.in_channels', 16, 'expected 8 as model.neck.out_channels, found 16'),
    # regression ranges
    (RANGES, [(0, 4), (4, 8)], 'expected 3 ranges, one for each of model.neck.num_levels, found 2'),
    (RANGES, 4, 'expected a list of pairs, found 4'),
    *(
        (
            RANGES,
            [(0, 4), bad, (8, 99)],
            f'[1]: expected two numbers of at least 0 (LOW, HIGH), found {bad!r}',
        )
        for bad in ((4, NAN), (-4, 8), (4, 8, 9), ('a', 'b'), 7, None)
    ),
    (RANGES, [(0, 4), (8, 4), (8, 99)], '[1]: expected LOW < HIGH, found (8, 4)'),
    (
        RANGES,
        [(8, 99), (4, 8), (0, 4)],
        '[1]: expected a range that starts at 8 or later, as the one before it, found (4, 8)',
    ),
    # losses, assignment, post-processing
    *(
        (
            'model.head.loss_cls.alpha',
            value,
            f'expected a finite number from 0 to 1, found {value!r}',
        )
        for value in (-1, 2, NAN)
    ),
    *(
        (
            'model.head.loss_cls.gamma',
            value,
            f'expected a finite number of at least 0, found {value!r}',
        )
        for value in (-1, NAN)
    ),
    *(
        (
            'model.head.assigner.center_radius',
            value,
            f'expected a finite number above 0, found {value!r}',
        )
        for value in (0, -1.5, NAN, INF)
    ),
    *(
        (f'model.test_cfg.{key}', value, f'expected {expected}, found {value!r}')
        for key, expected, values in (
            ('sigma', 'a finite number above 0', (0, -1, NAN, '0.5')),
            ('pre_nms_thresh', 'a finite number of at least 0 and below 1', (-1, 1, NAN)),
            ('iou_threshold', 'a finite number from 0 to 1', (-0.1, 1.1, NAN)),
            ('max_seg_num', 'a whole number of at least 1', (0, -1, 2.5)),
            ('pre_nms_topk', 'a whole number of at least 1', (0, NAN)),
        )
        for value in values
    ),
    (
        'model.head.class_prior',
        dict(type='TemporalSimOTAAssigner'),
        ".type: expected a class prior, found 'TemporalSimOTAAssigner'",
    ),
    (
        'model.head.class_prior',
        dict(type='ClassPrior', sharpness=50),
        '.sharpness: expected a finite number above 0 and up to 6, found 50',
    ),
    ('model.test_cfg.multiclass', 'yes', "expected True or False, found 'yes'"),
    # data
    *(
        (f'train_dataloader.{key}', value, f'expected {expected}, found {value!r}')
        for key, expected, values in (
            ('batch_size', 'a whole number of at least 1', (0, -2, 1.5, '2')),
            ('num_workers', 'a whole number from 0 to 1024', (-1, 0.5, 10**6)),
        )
        for value in values
    ),
    (
        'train_dataloader.persistent_workers',
        True,
        'expected False where num_workers is 0, found True',
    ),
    (
        f'{DATASET}.subset',
        [],
        'expected a text that is not empty or a list, at least one of a text '
        'that is not empty, found []',
    ),
    (f'{DATASET}.feature_stride', NAN, 'expected a finite number above 0, found nan'),
    (f'{DATASET}.fps', INF, 'expected a finite number above 0 or None, found inf'),
    *(
        (
            f'{DATASET}.indices',
            value,
            'expected a whole number of at least 1 or a whole number up to -1 or a list, at least '
            f'one of a whole number or None, found {value!r}',
        )
        for value in (0, [], 'all')
    ),
    (f'{DATASET}.layout', 'tct', "expected 'tc' or 'ct', found 'tct'"),
    (f'{DATASET}.channels', (0, 4), 'expected 6 channels as model.neck.in_channels, found (0, 4)'),
    (
        f'{DATASET}.channels',
        (6, 0),
        'expected two numbers LOW < HIGH, each a whole number of at least 0 or None, found (6, 0)',
    ),
    (
        f'{DATASET}.metainfo',
        dict(classes=['a']),
        '.classes: expected 2 names as model.head.num_classes, found 1',
    ),
    (
        'val_evaluator.tiou_thresholds',
        [0.5, 1.5],
        'expected a list, at least one of a finite number above 0 and up to 1, found [0.5, 1.5]',
    ),
    (
        'val_evaluator.tiou_thresholds',
        [],
        'expected a list, at least one of a finite number above 0 and up to 1, found []',
    ),
    # schedule
    *(
        (
            f'optim_wrapper.optimizer.{key}',
            value,
            f'expected a finite number {bound}, found {value!r}',
        )
        for key, bound, values in (
            ('lr', 'above 0', (0, -1e-4, NAN, INF, '1e-4')),
            ('weight_decay', 'of at least 0', (-0.05, NAN, INF)),
        )
        for value in values
    ),
    (
        'optim_wrapper.optimizer.betas',
        (0.9, 1.5),
        'expected a list, 2 of a finite number of at least 0 and below 1, found (0.9, 1.5)',
    ),
    ('optim_wrapper.clip_grad.max_norm', 0, 'expected a finite number above 0, found 0'),
    *(
        (f'train_cfg.{key}', value, f'expected a whole number of at least 1, found {value!r}')
        for key in ('max_epochs', 'val_interval', 'val_begin')
        for value in (0, -1, 1.5)
    ),
    ('default_hooks.ema.momentum', 1.5, 'expected a finite number above 0 and below 1, found 1.5'),
    ('default_hooks.ema.momentum', NAN, 'expected a finite number above 0 and below 1, found nan'),
    (
        'default_hooks.checkpoint.interval',
        0,
        'expected a whole number of at least 1 or -1, found 0',
    ),
    ('default_hooks.logger.interval', 0, 'expected a whole number of at least 1, found 0'),
    ('randomness.seed', -1, 'expected a whole number from 0 to 4294967295 or None, found -1'),
    (
        'randomness.seed',
        2**32,
        'expected a whole number from 0 to 4294967295 or None, found 4294967296',
    ),
    (
        'optim_wrapper',
        None,
        'expected a value, since train_dataloader and train_cfg and '
        'optim_wrapper go together, found none',
    ),
    ('model', None, 'expected a dict with the type of the model, found None'),
]
