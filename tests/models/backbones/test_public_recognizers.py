# SPDX-License-Identifier: Apache-2.0
"""I3D and SlowFast against numbers measured from their public implementations."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from public_weights import state_dict_of

import tmx_plugin  # noqa: F401  before any model of MMAction2
from tmx_plugin.apis import init_extractor
from tmx_plugin.errors import CheckpointMismatchError

from mmaction.registry import MODELS  # isort: skip


TOLERANCE = 1e-4  # of the largest element


@pytest.fixture(scope='module')
def features_dir(repo):
    return repo / 'tests' / 'data' / 'golden' / 'features'


@pytest.fixture(scope='module')
def public_file(features_dir, tmp_path_factory):
    """Write a file in a public layout, once; returns its path."""
    folder, made = tmp_path_factory.mktemp('weights'), {}

    def write(layout):
        if layout not in made:
            state = state_dict_of(features_dir / f'keys_{layout}.tsv')
            content = dict(model_state=state, epoch=1) if 'slowfast' in layout else state
            made[layout] = str(folder / f'{layout}.pt')
            torch.save(content, made[layout])
        return made[layout]

    return write


def clip_of(seed, channels, frames, size):
    """The input that the golden values belong to: ``(1, channels, frames, size, size)``."""
    shape = (channels, frames // 4 + 2, size // 16 + 2, size // 16 + 2)
    base = np.random.default_rng(seed).uniform(0, 255, shape).astype('f4')
    return (
        torch.nn.functional.interpolate(
            torch.from_numpy(base)[None],
            size=(frames, size, size),
            mode='trilinear',
            align_corners=True,
        )
        .round()
        .clamp(0, 255)
    )


def assert_close(found, expected):
    expected = torch.as_tensor(expected)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= TOLERANCE * expected.abs().max()


@torch.no_grad()
@pytest.mark.parametrize('name, channels', [('i3d_rgb', 3), ('i3d_flow', 2)])
def test_i3d_is_that_of_pytorch_i3d(name, channels, public_file, features_dir):
    golden = np.load(features_dir / f'{name}.npz')
    extractor = init_extractor(name, public_file(name))
    backbone = extractor.backbone.recognizer.backbone
    means = []
    for stage in backbone.children():
        stage.register_forward_hook(lambda *args: means.append(args[2].double().mean().item()))
    for frames, size in [(16, 224), (24, 224), (16, 256)]:
        means.clear()
        found = extractor(clip_of(7, channels, frames, size))
        case = f'{frames}x{size}'
        assert_close(found, golden[f'{case}/mixed_5c_mean'])
        np.testing.assert_allclose(means, golden[f'{case}/mean_of_endpoints'], rtol=TOLERANCE)
    assert_close(extractor(clip_of(7, channels, 16, 224)), golden['16x224/avg_pool'])


@torch.no_grad()
def test_i3d_classifier_loads_with_its_network(repo, public_file, features_dir):
    model = Config.fromfile(repo / 'configs/recognizers/i3d_rgb.py').model
    recognizer = MODELS.build(dict(model, _scope_='mmaction')).eval()
    from tmx_plugin.models.backbones.weights import load_recognizer_weights

    load_recognizer_weights(recognizer, public_file('i3d_rgb'))
    inputs = clip_of(7, 3, 16, 224) / 255 * 2 - 1
    scores = recognizer.cls_head(recognizer.backbone(inputs))
    assert_close(scores, np.load(features_dir / 'i3d_rgb.npz')['16x224/logits'])


@torch.no_grad()
def test_i3d_of_the_other_public_layout(public_file, features_dir):
    golden = np.load(features_dir / 'i3d_rgb_tf_port.npz')
    extractor = init_extractor('i3d_rgb', public_file('i3d_rgb_tf_port'))
    for frames in (16, 24):
        assert_close(extractor(clip_of(7, 3, frames, 224)), golden[f'{frames}x224/features'])


@torch.no_grad()
def test_epic_slowfast_is_that_of_pyslowfast(public_file, features_dir):
    golden = np.load(features_dir / 'epic_slowfast.npz')
    extractor = init_extractor('slowfast_epic', public_file('epic_slowfast'))
    for size in (224, 256):
        bgr = clip_of(11, 3, 32, size)
        assert_close(extractor(bgr.flip(1)), golden[f'32x{size}/feature_2304'])


def test_slow_pathway_sees_the_frames_of_pyslowfast(features_dir):
    from tmx_plugin.models.backbones.slowfast_linspace import slow_frames

    golden = np.load(features_dir / 'epic_slowfast.npz')
    assert slow_frames(32, 4) == golden['slow_frame_index'].tolist()


@pytest.mark.parametrize(
    'name, layout',
    [
        ('i3d_flow', 'i3d_rgb'),
        ('i3d_rgb', 'i3d_flow'),
        ('i3d_rgb', 'epic_slowfast'),
        ('slowfast_4x16_pyslowfast', 'epic_slowfast'),
    ],
)
def test_weights_of_another_network_are_refused(name, layout, public_file):
    with pytest.raises(CheckpointMismatchError, match='nothing was loaded') as error:
        init_extractor(name, public_file(layout))
    assert 'difference(s)' in str(error.value)
    if name == 'slowfast_4x16_pyslowfast':
        assert 'lateral' in str(error.value) and 'head' not in str(error.value)


def _pyslowfast_names(state):
    """Rename MMAction2's SlowFast tensors as PySlowFast names them, and add its head."""
    import re

    renamed = {'head.projection.weight': torch.zeros(400, 2304)}
    for key, value in state.items():
        key = key.removeprefix('backbone.')
        path, stage, rest = key.split('.', 2)
        number = 0 if path == 'slow_path' else 1
        if stage.endswith('lateral'):
            index = 1 if stage.startswith('conv1') else int(stage[5]) + 1
            renamed[f's{index}_fuse.{rest.replace("conv.", "conv_f2s.")}'] = value
        elif stage == 'conv1':
            renamed[f's1.pathway{number}_stem.{rest}'] = value
        else:
            block, unit, part, name = rest.split('.')
            branch = 'branch1' if unit == 'downsample' else f'branch2.{"abc"[int(unit[-1]) - 1]}'
            suffix = '_bn' if part == 'bn' else ''
            index = int(re.sub(r'\D', '', stage)) + 1
            renamed[f's{index}.pathway{number}_res{block}.{branch}{suffix}.{name}'] = value
    return renamed


@pytest.mark.parametrize('name', ['slowfast_4x16_pyslowfast', 'slowfast_8x8_pyslowfast'])
def test_kinetics_files_of_pyslowfast_load(name, tmp_path):
    torch.manual_seed(0)
    state = init_extractor(name).backbone.recognizer.state_dict()
    torch.save(dict(model_state=_pyslowfast_names(state)), tmp_path / 'kinetics.pyth')
    loaded = init_extractor(name, str(tmp_path / 'kinetics.pyth'))
    for key, value in loaded.backbone.recognizer.state_dict().items():
        torch.testing.assert_close(value, state[key])


def test_clips_of_other_channels_are_refused():
    with pytest.raises(ValueError, match=r'expected clips \(B, 2, T, H, W\), found \(1, 3, '):
        init_extractor('i3d_flow')(torch.zeros(1, 3, 16, 32, 32))
