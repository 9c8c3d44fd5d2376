# SPDX-License-Identifier: Apache-2.0
"""Released checkpoints of both public implementations, made up with their exact key lists."""

import os
import re
from functools import partial

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from torch import nn

from tmx_plugin.apis.init import init_localizer
from tmx_plugin.models.checkpoint import (
    CheckpointError,
    CheckpointMismatchError,
    checkpoint_source,
    load_checkpoint_file,
    to_plugin_checkpoint,
)
from tmx_plugin.structures.epic_constants import NOUNS_WITHOUT_INSTANCE

OPENTAD = (
    'thumos_i3d',
    'multithumos_i3d',
    'multithumos_i3d_rgb',
    'epic_kitchens_slowfast_noun',
    'epic_kitchens_slowfast_verb',
)
#: Layouts of the original by the config that they are for.
ORIGINAL = dict(
    thumos_i3d='temporalmaxer_thumos_i3d',
    multithumos_i3d_rgb='temporalmaxer_multithumos_i3d',
    epic_kitchens_slowfast_noun='temporalmaxer_epic_slowfast_noun',
    epic_kitchens_slowfast_verb='temporalmaxer_epic_slowfast_verb',
)


def state_dict_of(key_list, title):
    """Random tensors with the names, shapes and types under ``#### title`` of a key list."""
    section = re.search(rf'^#### {title}:.*?```\n(.*?)```', key_list.read_text(), re.S | re.M)
    state = {}
    for line in section[1].strip().splitlines():
        name, shape, dtype = re.match(r'(\S+)\s+\[(.*?)\]\s+(\w+)', line).groups()
        size = [int(n) for n in shape.split(',') if n.strip()]
        state[name] = torch.randn(size).to(getattr(torch, dtype))
    return state


def config_of(repo, name):
    return repo / f'configs/temporalmaxer/{name}.py'


def opentad_file(path, state, ema):
    def wrap(tensors):
        return {f'module.{k}': v for k, v in tensors.items()}

    torch.save(
        dict(
            epoch=45,
            state_dict=wrap(state),
            state_dict_ema=wrap(ema),
            optimizer=dict(state={}, param_groups=[]),
            scheduler=dict(last_epoch=9),
        ),
        path,
    )
    return path


@pytest.mark.parametrize('name', OPENTAD)
def test_opentad_layout(name, golden_dir, repo, tmp_path):
    torch.manual_seed(0)
    ema = state_dict_of(golden_dir / 'keys_opentad.md', name)
    plain = {k: torch.zeros_like(v) for k, v in ema.items()}
    model = init_localizer(config_of(repo, name), opentad_file(tmp_path / 'f.pth', plain, ema))
    assert not model.training
    state = model.state_dict()
    assert len(state) == len(ema)
    assert torch.equal(state['neck.embed.0.conv.weight'], ema['projection.embed.0.conv.weight'])
    assert torch.equal(state['head.reg_tower.1.norm.bias'], ema['rpn_head.reg_convs.1.norm.bias'])
    assert torch.equal(state['head.cls_conv.bias'], ema['rpn_head.cls_head.bias'])
    assert torch.equal(state['head.scales.4.scale'], ema['rpn_head.scale.4.scale'])
    assert state['head.loss_normalizer'] == ema['rpn_head.loss_normalizer'].float()
    if 'neck.fpn_norms.3.weight' in ema:
        assert torch.equal(state['neck.level_norms.3.weight'], ema['neck.fpn_norms.3.weight'])
    assert model.neck.embed[0].norm.eps == 1e-6


@pytest.mark.parametrize('name', ORIGINAL)
def test_original_layout(name, golden_dir, repo, tmp_path):
    torch.manual_seed(0)
    weights = state_dict_of(golden_dir / 'keys_original.md', ORIGINAL[name])
    path = tmp_path / 'epoch_060.pth.tar'
    torch.save(dict(epoch=60, state_dict={}, state_dict_ema=weights), path)
    model = init_localizer(config_of(repo, name), path)
    state = model.state_dict()
    assert torch.equal(
        state['neck.embed.1.norm.weight'], weights['backbone.embd_norm.1.weight'].flatten()
    )
    assert torch.equal(
        state['head.cls_tower.1.conv.weight'], weights['cls_head.head.1.conv.weight']
    )
    assert torch.equal(state['head.reg_conv.bias'], weights['reg_head.offset_head.conv.bias'])
    if 'neck.fpn_norms.0.weight' in weights:
        assert torch.equal(
            state['neck.level_norms.5.bias'], weights['neck.fpn_norms.5.bias'].flatten()
        )
    assert {m.eps for m in model.modules() if isinstance(m, nn.LayerNorm)} == {1e-5}
    expected = weights['cls_head.cls_head.conv.bias']
    if len(expected) == 300:
        keep = [i for i in range(300) if i not in NOUNS_WITHOUT_INSTANCE]
        expected = expected[keep]
    assert torch.equal(state['head.cls_conv.bias'], expected)


@pytest.fixture
def convert(forks, tmp_path):
    return partial(forks.tmx, 'release-checkpoint', cwd=tmp_path)


def test_converted_file_is_the_same_model(golden_dir, repo, convert, tmp_path):
    weights = state_dict_of(golden_dir / 'keys_original.md', 'temporalmaxer_thumos_i3d')
    src, dst = tmp_path / 'a.pth.tar', tmp_path / 'out/b.pth'
    torch.save(dict(state_dict=weights), src)
    config = config_of(repo, 'thumos_i3d')
    found = convert(src, dst)  # which finds the config by itself
    assert found.returncode == 0, found.stderr
    assert str(config) in found.stdout
    first, second = init_localizer(config, src), init_localizer(config, dst)
    for key, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[key])
    assert second.head.cls_tower[0].norm.eps == 1e-5
    assert checkpoint_source(load_checkpoint_file(dst)['state_dict']) == 'plugin'


def test_converter_lists_differences_from_the_closest_config(golden_dir, convert, tmp_path):
    weights = state_dict_of(golden_dir / 'keys_original.md', 'temporalmaxer_thumos_i3d')
    del weights['reg_head.scale.5.scale']
    torch.save(dict(state_dict=weights), tmp_path / 'a.pth.tar')
    found = convert(tmp_path / 'a.pth.tar', tmp_path / 'b.pth')
    assert found.returncode == 1 and not (tmp_path / 'b.pth').exists()
    assert found.stderr.splitlines()[-1].split() == ['missing', 'head.scales.5.scale', '()']
    assert 'released_checkpoint: thumos_i3d: ' in found.stderr and 'Traceback' not in found.stderr


def small_model(num_classes=3, head=None, frame_head=None, **neck):
    return MODELS.build(
        dict(
            type='TemporalMaxer',
            neck=dict(type='TemporalMaxerNeck', in_channels=8, out_channels=16, **neck),
            head=dict(
                type='TemporalMaxerHead',
                num_classes=num_classes,
                in_channels=16,
                feat_channels=16,
                regression_ranges=[(0, 10)] * 6,
                **(head or {}),
            ),
            frame_head=frame_head,
        )
    )


def released_state(model):
    """The model's weights as OpenTAD would name them."""
    rules = (
        ('neck.embed.', 'projection.embed.'),
        ('neck.level_norms.', 'neck.fpn_norms.'),
        ('_tower.', '_convs.'),
        ('_conv.', '_head.'),
        ('head.scales.', 'head.scale.'),
    )
    state = {}
    for key, value in model.state_dict().items():
        for ours, theirs in rules:
            key = key.replace(ours, theirs)
        state['module.' + re.sub('^head', 'rpn_head', key)] = value
    return state


def test_differences_are_listed_and_nothing_is_loaded():
    model, other = small_model(), small_model(num_embed=3)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = other.state_dict()
    del state['head.cls_conv.bias']
    state['head.reg_conv.weight'] = torch.zeros(2, 16, 5)
    with pytest.raises(CheckpointMismatchError) as error:
        to_plugin_checkpoint(dict(state_dict=state), model)
    text = str(error.value)
    assert 'missing     head.cls_conv.bias (3,)' in text
    assert 'unexpected  neck.embed.2.conv.weight (16, 16, 3)' in text
    assert 'head.reg_conv.weight: the file has (2, 16, 5), the model (2, 16, 3)' in text
    assert '5 difference(s)' in text
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize(
    'part, option, value, note',
    [
        (
            'head',
            'class_prior',
            dict(type='ClassPrior'),
            ', which is neutral before a training estimates it',
        ),
        ('neck', 'top_down', 0.5, ''),
        ('', 'frame_head', dict(type='FrameHead'), ''),
    ],
)
def test_the_setting_behind_a_difference_is_named(part, option, value, note):
    setting = f'model.{part}.{option}' if part else f'model.{option}'
    plain, extended = (
        small_model(),
        small_model(**({'head': {option: value}} if part == 'head' else {option: value})),
    )
    for weights, model, advice in (
        (
            plain,
            extended,
            f'the weights were trained without {setting}{note}; leave it out with --cfg-options '
            f'{setting}=None',
        ),
        (extended, plain, f'the weights were trained with {setting}; the config needs it, too'),
    ):
        with pytest.raises(CheckpointMismatchError) as error:
            to_plugin_checkpoint(dict(state_dict=weights.state_dict()), model)
        assert str(error.value).splitlines()[-1] == f'  {advice}'


def test_released_file_for_another_config_is_refused(golden_dir, repo, tmp_path):
    ema = state_dict_of(golden_dir / 'keys_opentad.md', 'multithumos_i3d')
    path = opentad_file(tmp_path / 'f.pth', ema, ema)
    with pytest.raises(CheckpointMismatchError, match='unexpected  neck.embed.2.conv.weight'):
        init_localizer(config_of(repo, 'thumos_i3d'), path)


def test_what_fits_of_a_released_file_is_kept_when_asked_for():
    model, released = small_model(num_classes=5), small_model()
    file = dict(epoch=3, state_dict={}, state_dict_ema=released_state(released))
    found = to_plugin_checkpoint(file, model, strict=False)['state_dict']
    expected = released.state_dict()
    assert set(expected) - set(found) == {'head.cls_conv.weight', 'head.cls_conv.bias'}
    assert all(torch.equal(value, expected[key]) for key, value in found.items())
    with pytest.raises(CheckpointMismatchError, match='nothing was loaded'):
        to_plugin_checkpoint(dict(other=torch.ones(1)), model, strict=False)


def test_bare_state_dict_and_wrapped_keys():
    model = small_model()
    state = {f'module.{k}': v for k, v in model.state_dict().items()}
    found = to_plugin_checkpoint(state, model)
    assert found['meta'] == {}
    assert list(found['state_dict']) == list(model.state_dict())


class Evil:
    def __reduce__(self):
        return os.system, ('touch executed',)


def test_code_in_a_file_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(dict(state_dict={}, extra=Evil()), 'evil.pth')
    with pytest.raises(CheckpointError, match='evil.pth is not .* it asks for .*system') as error:
        load_checkpoint_file('evil.pth')
    assert 'weights_only' not in str(error.value)  # torch's advice to run the code
    assert not (tmp_path / 'executed').exists()


@pytest.mark.parametrize('content', [b'', b'hello', b'not a checkpoint', b'PK\3\4 cut off'])
def test_other_files(content, tmp_path):
    path = tmp_path / 'f.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match='not a checkpoint that can be read safely'):
        load_checkpoint_file(path)


@pytest.mark.parametrize(
    'content, found',
    [
        (dict(epoch=3), "the keys .'epoch'"),
        (dict(state_dict=None), "the keys .'state_dict'"),
        (dict(state_dict=[torch.ones(1)]), "the keys .'state_dict'"),
        ([1, 2], 'a list'),
        ({1: torch.ones(1)}, "the keys .'1'"),
        ({}, 'the keys'),
    ],
)
def test_file_without_weights(content, found):
    with pytest.raises(CheckpointError, match=f'x.pth holds no state dict: .* found {found}'):
        to_plugin_checkpoint(content, small_model(), 'x.pth')


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match='There is no checkpoint .*f.pth'):
        load_checkpoint_file(tmp_path / 'f.pth')


@pytest.mark.parametrize(
    'name, parameters',
    [
        ('thumos_i3d', 7_117_852),
        ('multithumos_i3d', 7_980_617),
        ('multithumos_i3d_rgb', 6_407_753),
        ('epic_kitchens_slowfast_noun', 7_930_669),
        ('epic_kitchens_slowfast_verb', 7_635_561),
    ],
)
def test_number_of_parameters(name, parameters, repo):
    model = MODELS.build(Config.fromfile(str(config_of(repo, name))).model)
    assert sum(p.numel() for p in model.parameters()) == parameters
