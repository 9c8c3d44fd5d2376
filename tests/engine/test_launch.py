# SPDX-License-Identifier: Apache-2.0
"""Options of the tools and how they change the config; no training here."""

import subprocess
import sys

import pytest
import torch
from mmengine.config import Config
from tool_modules import load_module

from tmx_plugin.engine import launch
from tmx_plugin.errors import ConfigError


@pytest.fixture(params=['train', 'test'])
def tool(request, repo):
    return load_tool(repo, request.param)


def load_tool(repo, name):
    return load_module(repo / 'tools' / f'{name}.py')


def base_config():
    return Config(
        dict(
            optim_wrapper=dict(type='OptimWrapper'),
            auto_scale_lr=dict(enable=False),
            val_cfg={},
            val_dataloader={},
            val_evaluator={},
            test_evaluator=dict(type='TALMetric'),
            default_hooks=dict(visualization=dict(type='TALVisualizationHook')),
        )
    )


def test_help_is_light_and_knows_no_gpus(tool):
    code = (
        'import sys; sys.argv = ["x", "-h"]\n'
        f'import runpy\ntry:\n    runpy.run_path({tool.__file__!r}, run_name="__main__")\n'
        'except SystemExit:\n    pass\n'
        'assert "torch" not in sys.modules and "tmx_plugin" not in sys.modules'
    )
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    # mim passes --gpus to tools whose help mentions it
    assert '--gpus' not in out.stdout and '--work-dir' in out.stdout


@pytest.mark.parametrize('option', ['--local-rank', '--local_rank'])
def test_local_rank_in_both_spellings(tool, option):
    assert (
        tool.parse_args(
            ['c.py', *(['x.pth'] if 'test' in tool.__name__ else []), f'{option}=3']
        ).local_rank
        == 3
    )


def test_checkpoint_as_argument_or_option(repo):
    tool = load_tool(repo, 'test')
    for given in (['x.pth'], ['--checkpoint', 'x.pth'], ['x.pth', '--checkpoint', 'x.pth']):
        assert tool.parse_args(['c.py', *given]).checkpoint == 'x.pth'
    for given in ([], ['x.pth', '--checkpoint', 'y.pth']):
        with pytest.raises(SystemExit):
            tool.parse_args(['c.py', *given])


def merged(repo, name, *options):
    tool, cfg = load_tool(repo, name), base_config()
    tool.merge_args(cfg, tool.parse_args(['c.py', *options]))
    return cfg


def test_training_options(repo):
    cfg = merged(repo, 'train', '--amp', '--no-validate', '--resume', '--auto-scale-lr')
    expected = (
        dict(type='AmpOptimWrapper', loss_scale='dynamic')
        if torch.cuda.is_available()
        else dict(type='CPUAmpOptimWrapper')
    )
    assert cfg.optim_wrapper == expected
    assert cfg.val_cfg is None and cfg.resume and cfg.load_from is None
    assert cfg.auto_scale_lr.enable and 'randomness' not in cfg
    assert merged(repo, 'train', '--resume', 'a.pth').load_from == 'a.pth'


def test_the_seed_goes_before_that_of_the_config(repo):
    tool, cfg = load_tool(repo, 'train'), base_config()
    cfg.randomness = dict(seed=1, diff_rank_seed=True)
    tool.merge_args(cfg, tool.parse_args(['c.py', '--seed', '0', '--deterministic']))
    assert cfg.randomness == dict(seed=0, diff_rank_seed=True, deterministic=True)


def test_testing_options(repo):
    cfg = merged(repo, 'test', 'x.pth', '--show-dir', 'p', '--dump', 'o.pkl')
    assert cfg.load_from == 'x.pth' and not cfg.resume
    assert [metric.type for metric in cfg.test_evaluator] == ['TALMetric', 'DumpResults']
    assert cfg.default_hooks.visualization.enable
    assert cfg.default_hooks.visualization.out_dir == 'p'


@pytest.mark.parametrize(
    'name', ['configs/temporalmaxer/thumos_i3d.py', 'thumos_i3d', 'thumos_i3d.py']
)
def test_configs_are_found_from_anywhere(repo, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert launch.find_config(name, repo) == repo / 'configs/temporalmaxer/thumos_i3d.py'


def test_an_unknown_config_names_the_known_ones(repo):
    with pytest.raises(launch.LaunchError, match='thumos_i3d'):
        launch.find_config('thumos.py', repo)


def test_a_file_here_goes_before_one_of_the_package(repo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'thumos_i3d.py').write_text('')
    assert str(launch.find_config('thumos_i3d.py', repo)) == 'thumos_i3d.py'


def test_torchrun_is_recognized_by_its_environment(monkeypatch):
    for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.delenv(name, raising=False)
    assert launch.infer_launcher('none') == 'none'
    for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, '0')
    assert launch.infer_launcher('none') == 'pytorch'
    assert launch.infer_launcher('slurm') == 'slurm'


def test_a_broken_config_is_an_explained_error(repo, tmp_path):
    (tmp_path / 'cut.py').write_text('model = dict(')
    with pytest.raises(ConfigError, match='cut.py: expected a config, found SyntaxError'):
        launch.read_config(str(tmp_path / 'cut.py'), repo)
