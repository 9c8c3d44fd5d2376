# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from mmengine.device import get_device
from mmengine.device import utils as device_utils

from tmx_plugin.errors import ConfigError
from tmx_plugin.utils.devices import resolve_device, use_device


@pytest.fixture
def two_gpus(monkeypatch):
    """As if there were two CUDA devices."""
    chosen = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    monkeypatch.setattr(torch.cuda, 'set_device', chosen.append)
    monkeypatch.setattr(device_utils, 'DEVICE', 'cuda')
    return chosen


def test_default_is_a_gpu_where_there_is_one(two_gpus):
    assert resolve_device() == 'cuda'


@pytest.mark.parametrize('name', ['cpu', 'cuda', 'cuda:1'])
def test_present(two_gpus, name):
    assert resolve_device(name) == name


@pytest.mark.parametrize('name', ['cuda:2', 'xpu'])
def test_absent_is_one_sentence_with_what_there_is(two_gpus, name):
    with pytest.raises(
        ConfigError,
        match=f"device '{name}': not found on this machine, which has cpu, cuda:0, cuda:1$",
    ):
        resolve_device(name)


@pytest.mark.parametrize('name', ['abacus', 'cuda:x', ''])
def test_no_device_at_all(name):
    with pytest.raises(ConfigError, match='expected cpu, cuda, cuda:N or mps'):
        resolve_device(name)


def test_the_runner_uses_what_was_chosen(two_gpus):
    use_device('cuda:1')
    assert get_device() == 'cuda' and two_gpus == [1]
    use_device('cpu')
    assert get_device() == 'cpu' and two_gpus == [1]


@pytest.mark.skipif(torch.cuda.is_available(), reason='this machine has a GPU')
@pytest.mark.parametrize(
    'tool,arguments',
    [
        ('train', ['synthetic']),
        ('test', ['synthetic', 'none.pth']),
        ('infer', ['features', 'synthetic', 'none.pth', '--out', 'out']),
        ('extract_features', ['videos', 'out', '--config', 'i3d_rgb', '--random-weights']),
    ],
)
def test_a_missing_device_ends_a_tool_in_one_sentence(forks, tmp_path, tool, arguments):
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos' / 'a.mp4').touch()
    result = forks.run(f'tools/{tool}.py', *arguments, '--device', 'cuda:1', cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(
        f"{tool}: device 'cuda:1': not found on this machine, which has cpu"
    )
    assert 'Traceback' not in result.stderr
