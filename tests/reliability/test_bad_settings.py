# SPDX-License-Identifier: Apache-2.0
"""Wrong settings: all of them named at once, with what was expected, before anything is built."""

import copy

import pytest
from mmengine.config import Config
from wrong_settings import NAN, REGISTERED, WRONG

import tmx_plugin.engine.hooks  # noqa: F401  registers them
from tmx_plugin.engine.launch import read_config
from tmx_plugin.engine.settings import config_faults, require_valid
from tmx_plugin.errors import ConfigError


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
