# SPDX-License-Identifier: Apache-2.0
"""What the wheel, the source distribution and the indexes hold. Their use: check_install.sh."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode

import tmx_plugin

PARTS = (
    '.mim/configs/temporalmaxer/thumos_i3d.py',
    '.mim/configs/_base_/default_runtime.py',
    '.mim/configs/temporalmaxer/metafile.yml',
    '.mim/tools/train.py',
    '.mim/tools/test.py',
    '.mim/tools/data/make_synthetic.py',
    '.mim/model-index.yml',
    '.mim/dataset-index.yml',
    'compat.py',
    'cli/commands.py',
    'supported.py',
    'engine/hooks/ema_hook.py',
    'visualization/templates',
)


@pytest.fixture(scope='module')
def distributions(repo, tmp_path_factory):
    """Names in the wheel and in the source distribution, built from a copy of the tree."""
    pytest.importorskip('setuptools')
    folder = tmp_path_factory.mktemp('build it')
    tree = folder / 'tree'
    for name in ('tmx_plugin', 'configs', 'tools'):
        shutil.copytree(repo / name, tree / name)
    for path in repo.glob('*.*'):
        if path.is_file():
            shutil.copy(path, tree)
    shutil.copy(repo / 'LICENSE', tree)
    # what an earlier build left behind must not be shipped
    stale = tree / 'build/lib/tmx_plugin/deleted_since.py'
    stale.parent.mkdir(parents=True)
    stale.touch()
    for command in ('bdist_wheel', 'sdist'):
        subprocess.run(
            [sys.executable, 'setup.py', '-q', command, '-d', str(folder / 'dist')],
            cwd=tree,
            check=True,
            capture_output=True,
        )
    names = {}
    for path in (folder / 'dist').iterdir():
        if path.suffix == '.whl':
            names['wheel'] = zipfile.ZipFile(path).namelist()
        else:
            with tarfile.open(path) as archive:
                names['sdist'] = [
                    name.split('/', 1)[1] for name in archive.getnames() if '/' in name
                ]
    assert not (tree / 'tmx_plugin/.mim').exists()
    return names


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['wheel', 'sdist'])
def test_distributions_hold_what_mim_looks_for(distributions, kind):
    names = distributions[kind]
    for part in PARTS:
        assert any(name.startswith(f'tmx_plugin/{part}') for name in names), part
    assert not [name for name in names if '__pycache__' in name or 'deleted_since' in name]
    assert max(Counter(names).values()) == 1


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_command_alone(distributions):
    tops = {name.split('/')[0] for name in distributions['wheel']}
    info = f'tmx_plugin-{tmx_plugin.__version__}.dist-info'
    assert tops == {'tmx_plugin', 'tmx_start.py', info}
    assert min(tops - {info}) == 'tmx_plugin'  # mim takes the first module for the package


@pytest.mark.slow
def test_the_source_distribution_builds_by_itself(distributions):
    assert {
        'setup.py',
        'pyproject.toml',
        'LICENSE',
        'model-index.yml',
        'dataset-index.yml',
        'configs/temporalmaxer/thumos_i3d.py',
        'tools/train.py',
    } <= {*distributions['sdist']}


def test_config_names_are_unique(repo):
    # mim finds a config by its file name anywhere in the package
    names = Counter(path.name for path in (repo / 'configs').rglob('*.py'))
    assert [name for name, count in names.items() if count > 1] == []


def test_tool_names_are_unique(repo):
    names = Counter(path.name for path in (repo / 'tools').rglob('*.py'))
    assert [name for name, count in names.items() if count > 1] == []


def index(repo):
    load_model_index = pytest.importorskip('modelindex.load_model_index')
    found = load_model_index.load(str(repo / 'model-index.yml'))
    found.build_models_with_collections()
    return found.models


def test_the_index_describes_the_models_that_are_built(repo):
    models = index(repo)
    assert {model.name for model in models} >= {
        'thumos_i3d',
        'multithumos_i3d',
        'multithumos_i3d_rgb',
        'epic_kitchens_slowfast_noun',
        'epic_kitchens_slowfast_verb',
    }
    for model in models:
        config = Config.fromfile(repo / model.config)
        net = MODELS.build(config.model).eval().to('meta')  # shapes without numbers
        said = model.metadata.data
        assert said['Parameters'] == sum(p.numel() for p in net.parameters())
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            net(torch.zeros(1, config.model.neck.in_channels, 2304, device='meta'))
        assert counter.get_total_flops() / 2 / 1e9 == pytest.approx(
            said['Multiply-Adds (G)'], abs=0.006
        )
        assert said['Epochs'] == config.train_cfg.max_epochs
        assert said['Batch Size'] == config.train_dataloader.batch_size


def test_published_results_agree_with_their_thresholds(repo):
    for model in index(repo):
        thresholds = Config.fromfile(repo / model.config).test_evaluator.tiou_thresholds
        values = model.results[0].metrics
        per_tiou = {key: value for key, value in values.items() if key.startswith('mAP@')}
        assert {float(key[4:]) for key in per_tiou} <= {round(t, 2) for t in thresholds}
        if len(per_tiou) == len(thresholds):
            mean = sum(per_tiou.values()) / len(per_tiou)
            assert values['average mAP'] == pytest.approx(mean, abs=0.011)
