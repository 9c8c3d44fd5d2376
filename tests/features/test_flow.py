# SPDX-License-Identifier: Apache-2.0
import sys
import types

import cv2
import numpy as np
import pytest
import torch

from tmx_plugin.errors import ConfigError, DataError, MissingFileError, MissingPackageError
from tmx_plugin.features import flow as flow_module
from tmx_plugin.features.flow import code_flow, has_tvl1, open_flow


def moving_frames(count=4, step=(2, 1), size=(64, 96)):
    """Smooth texture that moves by ``step`` (x, y) pixels a frame: ``(count, H, W, 3)`` uint8."""
    rng = np.random.default_rng(0)
    large = cv2.GaussianBlur(rng.uniform(0, 255, (200, 200)).astype(np.float32), (0, 0), 3)
    large = cv2.normalize(large, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    frames = [
        large[60 - step[1] * i :, 60 - step[0] * i :][: size[0], : size[1]] for i in range(count)
    ]
    return np.stack(frames)[..., None].repeat(3, axis=-1)


def test_coding_is_that_of_the_authors():
    flow = np.array([[-25.0, -20.0], [0.0, 20.0], [0.07, -0.09]], np.float32)
    assert code_flow(flow).tolist() == [[0, 0], [128, 255], [128, 127]]
    assert code_flow(flow).dtype == np.uint8


@pytest.mark.parametrize(
    'method',
    [
        'dis',
        pytest.param(
            'tvl1',
            marks=pytest.mark.skipif(
                not has_tvl1(), reason='this OpenCV lacks the contrib modules'
            ),
        ),
    ],
)
def test_flow_points_where_things_move(method):
    coded = open_flow(method).open('video', 4)(moving_frames())
    assert coded.shape == (3, 64, 96, 2) and coded.dtype == np.uint8
    inner = coded[:, 16:-16, 16:-16].astype(float)
    pixels = (np.median(inner, axis=(0, 1, 2)) - 128) * 40 / 255
    np.testing.assert_allclose(pixels, [2, 1], atol=0.3)


def test_tvl1_without_contrib_modules_names_what_brings_it(monkeypatch):
    monkeypatch.setattr(flow_module.cv2, 'optflow', None, raising=False)
    with pytest.raises(MissingPackageError, match='opencv-contrib-python.*--flow dis'):
        open_flow('tvl1')


class _StandInRaft(torch.nn.Module):
    """Finds the constant flow (1, -2); checks what it is given. RAFT itself is torchvision's."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, first, second):
        assert first.shape == second.shape and first.shape[2] % 8 == 0 == first.shape[3] % 8
        assert first.min() >= -1 and first.max() <= 1
        flow = torch.tensor([1.0, -2.0])[None, :, None, None].expand(
            len(first), 2, *first.shape[2:]
        )
        return [flow * 0, flow * self.scale]  # the last refinement counts


@pytest.fixture
def torchvision_raft(monkeypatch):
    asked = {}

    def raft_large(weights, progress):
        asked['weights'] = weights
        return _StandInRaft()

    module = types.ModuleType('torchvision.models.optical_flow')
    module.raft_large = raft_large
    module.Raft_Large_Weights = types.SimpleNamespace(DEFAULT='default weights')
    models = types.ModuleType('torchvision.models')
    models.optical_flow = module
    monkeypatch.setitem(sys.modules, 'torchvision', types.ModuleType('torchvision'))
    monkeypatch.setitem(sys.modules, 'torchvision.models', models)
    monkeypatch.setitem(sys.modules, 'torchvision.models.optical_flow', module)
    return asked


def test_raft_is_fed_and_read_as_torchvision_documents(torchvision_raft):
    frames = moving_frames(count=7, size=(61, 90))
    coded = open_flow('raft').open('video', 7)(frames)
    assert torchvision_raft['weights'] == 'default weights'
    assert coded.shape == (6, 61, 90, 2)
    assert np.unique(coded[..., 0]).tolist() == [134]
    assert np.unique(coded[..., 1]).tolist() == [115]


def test_raft_takes_weights_from_a_file(torchvision_raft, tmp_path):
    torch.save(dict(scale=torch.tensor([2.0])), tmp_path / 'raft.pth')
    source = open_flow('raft', str(tmp_path / 'raft.pth'))
    assert torchvision_raft['weights'] is None and source.model.scale == 2
    torch.save(dict(other=torch.ones(1)), tmp_path / 'other.pth')
    with pytest.raises(ConfigError, match='other.pth: not the weights of raft_large'):
        open_flow('raft', str(tmp_path / 'other.pth'))


def test_raft_without_torchvision_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, 'torchvision', None)
    with pytest.raises(MissingPackageError, match=r'tmx_plugin\[raft\]'):
        open_flow('raft')


def write_images(folder, count, value=(134, 115), size=(48, 64), first=1):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        for axis, level in zip('xy', value):
            cv2.imwrite(
                str(folder / f'flow_{axis}_{number:05d}.jpg'),
                np.full(size, level + number - first, np.uint8),
            )


@pytest.mark.parametrize('first', [0, 1])
def test_images_of_denseflow_come_in_step_with_the_frames(tmp_path, first):
    write_images(tmp_path / 'clip', 5, first=first)
    read = open_flow(str(tmp_path)).open('videos/clip.mp4', 6)
    runs = [read(np.zeros((count, 48, 64, 3), np.uint8)) for count in (3, 4)]
    found = np.concatenate(runs)
    assert found[:, 0, 0].tolist() == [[134 + i, 115 + i] for i in range(5)]


def test_images_of_another_size_are_resized_and_scaled(tmp_path):
    write_images(tmp_path, 1, value=(148, 108), size=(48, 64))
    found = open_flow(str(tmp_path)).open('clip.mp4', 2)(np.zeros((2, 24, 128, 3), np.uint8))
    assert found.shape == (1, 24, 128, 2)
    assert found[0, 5, 5].tolist() == [128 + 2 * 20, 128 - 10]


def test_wrong_flow_images_are_refused(tmp_path):
    source = open_flow(str(tmp_path))
    with pytest.raises(MissingFileError, match='holds no flow_x'):
        source.open('clip.mp4', 4)
    write_images(tmp_path / 'clip', 5)
    with pytest.raises(DataError, match='expected 8 flow_x .* 9 frames .* found 5 and 5'):
        source.open('clip.mp4', 9)
    (tmp_path / 'clip' / 'flow_x_00001.jpg').write_text('no image')
    with pytest.raises(DataError, match='cannot be read as an image'):
        source.open('clip.mp4', 6)(np.zeros((2, 48, 64, 3), np.uint8))
    with pytest.raises(MissingFileError, match='neither a folder .* tvl1, raft, dis'):
        open_flow('farneback')
    with pytest.raises(ConfigError, match='for raft only'):
        open_flow('dis', 'raft.pth')
