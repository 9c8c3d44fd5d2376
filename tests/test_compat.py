# SPDX-License-Identifier: Apache-2.0
"""Each work-around in a process of its own, since each changes what imports mean."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def python(repo, tmp_path):
    """Run code in a fresh interpreter that sees ``tmp_path`` first, then the source tree."""

    def run(code):
        env = dict(
            os.environ, OMP_NUM_THREADS='1', PYTHONPATH=os.pathsep.join([str(tmp_path), str(repo)])
        )
        # importing the parent package would register everything: load compat alone
        load = (
            'import importlib, sys, types\n'
            'package = sys.modules["tmx_plugin"] = types.ModuleType("tmx_plugin")\n'
            f'package.__path__ = [{str(repo)!r} + "/tmx_plugin"]\n'
            'def load():\n    sys.modules.pop("tmx_plugin.compat", None)\n'
            '    return importlib.import_module("tmx_plugin.compat")\n'
        )
        return subprocess.run(
            [sys.executable, '-W', 'default', '-c', load + code],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_mmaction_models_import_and_apply_is_idempotent(python):
    out = python(
        'import warnings\nc = load()\nn = len(warnings.filters)\nc.apply()\nload()\n'
        'print("filters", len(warnings.filters) - n)\n'
        'import mmaction.models, mmaction.utils\n'
        'from mmaction.registry import MODELS\n'
        'print(MODELS.get("BMN").__name__)'
    )
    assert out.returncode == 0, out.stderr
    assert out.stdout.split() == ['filters', '0', 'BMN']
    assert 'MultiScaleDeformableAttention' not in out.stderr


def fake_mmaction(folder, drn=None, init='from .drn.drn import DRN\n'):
    root = folder / 'mmaction' / 'models' / 'localizers'
    root.mkdir(parents=True)
    (folder / 'mmaction' / '__init__.py').write_text('')
    (folder / 'mmaction' / 'registry.py').write_text('from mmengine.registry import MODELS\n')
    (folder / 'mmaction' / 'models' / '__init__.py').write_text('from .localizers import *\n')
    (root / '__init__.py').write_text(init)
    if drn is not None:
        (root / 'drn').mkdir()
        (root / 'drn' / '__init__.py').write_text('')
        (root / 'drn' / 'drn.py').write_text(drn)


def test_missing_drn_becomes_a_clear_error_when_built(python, tmp_path):
    fake_mmaction(tmp_path)
    out = python(
        'load()\nfrom mmaction.models import localizers\n'
        'from mmaction.registry import MODELS\n'
        'try:\n    MODELS.build(dict(type="DRN"))\n'
        'except ImportError as e:\n    print(e)'
    )
    assert out.returncode == 0, out.stderr
    assert 'from source' in out.stdout


@pytest.mark.parametrize(
    'kwargs', [dict(drn='DRN = "the real one"\n'), dict(init='DRN = "the real one"\n')]
)
def test_a_whole_mmaction_is_left_alone(python, tmp_path, kwargs):
    fake_mmaction(tmp_path, **kwargs)
    out = python(
        'load()\nfrom mmaction.models.localizers import DRN\nprint(DRN)\n'
        'from mmengine.registry import MODELS\nprint("DRN" in MODELS)'
    )
    assert out.stdout.splitlines() == ['the real one', 'False'], out.stderr


@pytest.mark.parametrize(
    'module,words',
    [('mmcv', 'pip install "mmcv-lite==2.1.0"'), ('mmaction', 'pip install "mmaction2>=1.1.0,<2"')],
)
def test_what_to_install_when_something_is_missing(python, module, words):
    out = python(f'sys.modules[{module!r}] = None\nload()')
    assert out.returncode == 1
    assert words in out.stderr.splitlines()[-1]


def test_an_mmcv_that_mmaction_refuses(python, tmp_path):
    (tmp_path / 'mmcv.py').write_text('__version__ = "2.2.0"\n')
    last = python('load()').stderr.splitlines()[-1]
    assert 'Found mmcv 2.2.0' in last and 'mmcv-lite==2.1.0' in last


def test_importlib_metadata_falls_back_on_the_standard_library(python):
    out = python(
        'import importlib.util as u\nfind = u.find_spec\n'
        'u.find_spec = lambda n, *a: None if n == "importlib_metadata" else find(n, *a)\n'
        'load()\nfrom importlib_metadata import PackageNotFoundError, distribution\n'
        'import importlib.metadata as m\nprint(distribution is m.distribution)'
    )
    assert out.stdout.strip() == 'True', out.stderr


def test_training_without_find_loader(python):
    # as in Python 3.14: the optimizer constructor of MMEngine asks for mmcv's operators
    out = python(
        'import pkgutil\ndel pkgutil.find_loader\nload()\nimport torch\n'
        'from mmengine.optim import build_optim_wrapper\n'
        'wrapper = build_optim_wrapper(torch.nn.Conv1d(1, 1, 1), dict(\n'
        '    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=0.1), paramwise_cfg=dict('
        'bias_decay_mult=0.)))\n'
        'print(type(wrapper).__name__, pkgutil.find_loader("json") is not None,\n'
        '      pkgutil.find_loader("nothing.at.all"))'
    )
    assert out.stdout.splitlines()[-1] == 'OptimWrapper True None', out.stderr


def test_metrics_of_mmaction_without_in1d_and_trapz(python):
    # as in numpy 2.4
    out = python(
        'import numpy as np\nfor name in ("in1d", "trapz"):\n'
        '    if hasattr(np, name):\n        delattr(np, name)\n'
        'getter = np.__dict__.get("__getattr__")\n'
        'load()\nprint(np.in1d([[1, 2], [3, 4]], [2, 3]).tolist(),'
        ' float(np.trapz([1., 3.], [0., 2.])))\n'
        'from mmaction.evaluation.functional import average_recall_at_avg_proposals\n'
        'recall = average_recall_at_avg_proposals(\n'
        '    {"v": np.array([[0., 1.]])}, {"v": np.array([[0., 1., .9]])}, 1)\n'
        'print(round(recall[-1], 6))'
    )
    assert out.stdout.splitlines() == ['[False, True, True, False] 4.0', '0.5'], out.stderr


def test_environment_is_collected_without_distutils(python):
    # as in Python 3.12 without setuptools
    out = python(
        'import importlib.util\nfind = importlib.util.find_spec\n'
        'importlib.util.find_spec = lambda name, *rest: None if name == "distutils" '
        'else find(name, *rest)\n'
        'load()\nimport distutils.errors\n'
        'from mmengine.utils.dl_utils import collect_env\n'
        'print(hasattr(distutils, "__file__"), "PyTorch" in collect_env())'
    )
    assert out.stdout.split() == ['False', 'True'], out.stderr


def test_fused_adamw_of_an_old_torch_on_a_cpu_is_the_plain_one(python):
    out = python(
        'import torch\nreal = torch.optim.AdamW.__init__\n'
        'def refuse(self, params, *args, fused=None, **kwargs):\n'
        '    assert not fused\n    real(self, params, *args, **kwargs)\n'
        'torch.optim.AdamW.__init__ = refuse\ntorch.__version__ = "2.3.1"\nload()\n'
        'from mmengine.registry import OPTIMIZERS\n'
        'p = torch.nn.Parameter(torch.ones(1))\n'
        'for params in ([p], [dict(params=[p], lr=.1)]):\n'
        '    built = OPTIMIZERS.build(dict(type="AdamW", params=params, fused=True))\n'
        '    print(type(built).__name__)'
    )
    assert out.returncode == 0, out.stderr
    assert out.stdout.split() == ['AdamW', 'AdamW']


def test_is_compiling_of_an_old_torch(python):
    # Taken away late, and dynamo's answer fixed: a new torch needs the name itself.
    out = python(
        'import torch, torch._dynamo\ncompat = load()\n'
        'torch._dynamo.is_compiling = lambda: True\ndel torch.compiler.is_compiling\n'
        'compat.provide_is_compiling()\nprint(torch.compiler.is_compiling())'
    )
    assert out.returncode == 0, out.stderr
    assert out.stdout.split() == ['True']
