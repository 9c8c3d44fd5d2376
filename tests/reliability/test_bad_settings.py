# SPDX-License-Identifier: Apache-2.0
"""Wrong settings: all of them named at once, with what was expected, before anything is built."""

import copy

import pytest
from mmengine.config import Config

import tmx_plugin.engine.hooks  # noqa: F401  registers them
from tmx_plugin.engine.launch import read_config
from tmx_plugin.engine.settings import config_faults, require_valid
from tmx_plugin.errors import ConfigError

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


def changed(settings, path, value):
    """A copy of a config with one setting of another value."""
    cfg = Config(copy.deepcopy(settings._cfg_dict))
    *parents, last = path.split('.')
    part = cfg
    for key in parents:
        if key not in part:
            part[key] = {}
        part = part[key]
    part[last] = value
    return cfg


def test_the_configs_are_right(repo, tiny_settings):
    for path in sorted((repo / 'configs/temporalmaxer').glob('*.py')):
        assert config_faults(Config.fromfile(path), safe=True) == []
    assert config_faults(tiny_settings) == []


@pytest.mark.parametrize(
    'path, value, words', WRONG, ids=[f'{path}={value}'[:60] for path, value, _ in WRONG]
)
def test_wrong_settings_are_named(tiny_settings, path, value, words):
    faults = config_faults(changed(tiny_settings, path, value))
    colon = '' if words.startswith(('.', '[')) else ': '
    assert f'{path}{colon}{words}' in faults


FRAMES = 'model.frame_head'
STRETCH = 'train_dataloader.dataset.pipeline[3].max_seq_len: expected at most 32 as '
STRETCH += 'model.data_preprocessor.pad_to, found '


@pytest.mark.parametrize(
    'part, faults',
    [
        (dict(type='FrameHead'), []),  # classes and channels are those of the head
        (dict(type='FrameHead', num_classes=2, in_channels=8), []),
        (
            dict(type='FrameHead', num_classes=3, in_channels=9),
            [
                f'{FRAMES}.num_classes: expected 2 as model.head.num_classes, found 3',
                f'{FRAMES}.in_channels: expected 8 as model.head.in_channels, found 9',
            ],
        ),
        (dict(), [f'{FRAMES}.type: {REGISTERED}None']),
        (dict(type='StretchTime', ratio=(0.5, 1.0)), []),  # never longer than the window
        (dict(type='StretchTime', max_seq_len=32), []),
        (dict(type='StretchTime'), [f'{STRETCH}2304']),
        (dict(type='StretchTime', ratio=(2, 2), max_seq_len=33), [f'{STRETCH}33']),
    ],
)
def test_options_of_training_fit_the_model(tiny_settings, part, faults):
    cfg = changed(tiny_settings, 'model.data_preprocessor.pad_to', 32)
    if part.get('type') == 'StretchTime':
        cfg.train_dataloader.dataset.pipeline.insert(3, part)
    else:
        cfg.model.frame_head = part
    assert config_faults(cfg) == faults


def test_what_does_not_fit_together(tiny_settings):
    cfg = changed(tiny_settings, 'model.data_preprocessor.pad_to', 16)
    assert config_faults(cfg) == [
        'train_dataloader.dataset.pipeline[2].max_seq_len: expected at most 16 as '
        'model.data_preprocessor.pad_to, found 32'
    ]
    cfg = changed(
        tiny_settings, 'param_scheduler', [dict(type='LinearLR', start_factor=2.0, begin=5, end=5)]
    )
    assert config_faults(cfg) == [
        'param_scheduler[0].start_factor: expected a finite number above 0 and up to 1, found 2.0',
        'param_scheduler[0].end: expected more than begin, 5, found 5',
    ]
    cfg = changed(tiny_settings, 'trian_dataloader', dict(cfg.train_dataloader))
    cfg.pop('train_dataloader')
    assert (
        "trian_dataloader: expected a name that is read, found 'trian_dataloader'; did you "
        "mean 'train_dataloader'?"
    ) in config_faults(cfg)


def test_all_faults_come_at_once(tiny_settings):
    cfg = tiny_settings
    for path, value in (
        ('model.neck.num_embed', -1),
        ('model.head.num_classes', 0),
        ('optim_wrapper.optimizer.lr', NAN),
    ):
        cfg = changed(cfg, path, value)
    with pytest.raises(ConfigError) as caught:
        require_valid(cfg)
    said = str(caught.value).splitlines()
    assert said[0] == 'the config has 3 wrong settings:'
    assert sorted(said[1:]) == [
        '  model.head.num_classes: expected a whole number of at least 1, found 0',
        '  model.neck.num_embed: expected a whole number from 0 to 100, found -1',
        '  optim_wrapper.optimizer.lr: expected a finite number above 0, found nan',
    ]


def test_safe_refuses_names_that_are_not_registered(tiny_settings):
    cfg = changed(tiny_settings, 'model.neck.type', 'os.system')
    cfg.custom_imports = dict(imports=['tmx_plugin', 'evil'])
    assert config_faults(cfg) == []  # dotted names are MMEngine's way to name any class
    assert sorted(config_faults(cfg, safe=True)) == [
        "custom_imports: expected no package but tmx_plugin, found 'evil', which is imported when "
        'the config is read',
        f"model.neck.type: {REGISTERED}'os.system', which is imported and called when the config "
        'is built',
    ]


FILES = {
    'empty.py': ('', None),
    'empty.json': ('{}', None),
    'syntax.py': ('model = (', 'syntax.py: expected a config, found'),
    'binary.py': (b'\x00\xff', 'binary.py: expected a config, found'),
    'list.json': ('[1]', 'list.json: expected a config, found'),
    'circle.py': ("_base_ = './circle.py'", 'circle.py: expected a config, found RecursionError'),
    'no base.py': ("_base_ = './none.py'", 'no base.py: expected a config, found'),
    'words.txt': ('a', 'words.txt: expected a config, found'),
}


@pytest.mark.parametrize('name', FILES)
def test_files_that_are_no_config(tmp_path, repo, name):
    content, words = FILES[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if words is None:
        cfg = read_config(str(path), repo)
        with pytest.raises(ConfigError, match='model: expected a dict with the type of the model'):
            require_valid(cfg)
    else:
        with pytest.raises(ConfigError) as caught:
            read_config(str(path), repo)
        assert words in str(caught.value) and len(str(caught.value)) < 1000


def test_tools_say_all_of_it(tiny, capsys):
    wrong = ['--cfg-options', 'model.neck.num_levels=2.5', 'model.head.num_classes=0']
    said = [
        'model.neck.num_levels: expected a whole number from 1 to 24, found 2.5',
        'model.head.num_classes: expected a whole number of at least 1, found 0',
    ]
    assert tiny.tool('train.py').main([str(tiny.config), *wrong, '--seed', '-3']) == 1
    error = capsys.readouterr().err
    assert f'train: {tiny.config} has 3 wrong settings:\n' in error
    assert all(sentence in error for sentence in said) and 'randomness.seed: ' in error
    check = tiny.tool('data/check_dataset.py')
    (tiny.root / 'a.json').unlink()
    assert check.main([str(tiny.config), *wrong]) == 1
    assert capsys.readouterr().out.splitlines() == [*said, '2 wrong settings found']
    assert check.main([str(tiny.config), '--settings']) == 0
    assert capsys.readouterr().out == 'no wrong settings found\n'
    assert (
        tiny.tool('infer.py').main(
            [
                str(tiny.root / 'features'),
                str(tiny.config),
                'no.pth',
                '--out',
                str(tiny.root / 'out'),
                *wrong,
            ]
        )
        == 1
    )
    error = capsys.readouterr().err
    assert all(sentence in error for sentence in said)
