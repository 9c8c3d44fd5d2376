# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from mmaction.registry import MODELS
from recognizers import RECOGNIZERS

from tmx_plugin.errors import CheckpointError, CheckpointMismatchError, ConfigError
from tmx_plugin.models.backbones.clip_backbone import ClipBackbone, fixed_clip_length, pool_features

MEAN = torch.tensor([123.675, 116.28, 103.53])
STD = torch.tensor([58.395, 57.12, 57.375])


@pytest.fixture(scope='module')
def frames():
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(9, 3, 4, 4, generator=generator)[None].transpose(1, 2)
    fine = torch.nn.functional.interpolate(coarse, size=(41, 32, 32), mode='trilinear')
    return (fine[0].transpose(0, 1) * 255).byte()  # (41, 3, 32, 32)


def _clip_by_clip(module, frames):
    """Each clip on its own, through nothing but the backbone."""
    picks = torch.as_tensor(module.geometry.picks)
    features = []
    for start in range(0, len(frames) - module.geometry.clip_len + 1, module.geometry.stride):
        clip = (frames[start + picks].float() - MEAN[:, None, None]) / STD[:, None, None]
        if module.is_2d:
            feats = pool_features(module.recognizer.backbone(clip)).mean(dim=0)
        else:
            feats = pool_features(module.recognizer.backbone(clip.transpose(0, 1)[None]))[0]
        features.append(feats)
    return torch.stack(features)


@pytest.mark.parametrize('name', RECOGNIZERS)
def test_features_are_those_of_each_clip_alone(name, frames):
    recognizer, channels = RECOGNIZERS[name]
    torch.manual_seed(0)
    module = ClipBackbone(recognizer, clip_len=16, stride=4, batch_size=3)
    with torch.no_grad():
        expected = _clip_by_clip(module, frames)
        found = torch.cat(list(module.stream(frames.split(5))))
        whole = module(frames.transpose(0, 1)[None])[0]
    assert found.shape == (7, expected.shape[1]) and channels in (None, found.shape[1])
    assert expected.std(dim=0).max() > 0  # the clips differ
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(whole[0].T, expected, atol=1e-4, rtol=1e-4)


def test_frame_by_frame_recognizer_sees_every_frame_once(frames, monkeypatch):
    module = ClipBackbone(RECOGNIZERS['TSN'][0], clip_len=16, stride=4, batch_size=1)
    seen = []
    forward = module.recognizer.backbone.forward
    monkeypatch.setattr(
        module.recognizer.backbone, 'forward', lambda x: (seen.append(len(x)), forward(x))[1]
    )
    list(module.stream(frames.split(7)))
    assert sum(seen) == len(frames)


def test_padding_of_a_batch_changes_nothing(frames):
    module = ClipBackbone(RECOGNIZERS['I3D'][0], clip_len=16, stride=4)
    lengths = [41, 30, 9]
    batch = torch.zeros(3, 3, 41, 32, 32, dtype=torch.uint8)
    for i, length in enumerate(lengths):
        batch[i, :, :length] = frames[:length].transpose(0, 1)
    masks = torch.arange(41) < torch.tensor(lengths)[:, None]
    feats, clip_masks = module(batch, masks)
    assert clip_masks.sum(1).tolist() == [7, 4, 1] and feats.shape[2] == 7
    for i, length in enumerate(lengths):
        alone = torch.cat(list(module.stream([frames[:length]])))
        torch.testing.assert_close(feats[i, :, : len(alone)].T, alone, atol=1e-5, rtol=1e-5)
        assert not feats[i, :, len(alone) :].any()


@pytest.mark.parametrize('chunk', [1, 3, 16, 100])
def test_runs_of_any_size_give_the_same(chunk, frames):
    module = ClipBackbone(RECOGNIZERS['I3D'][0], clip_len=6, stride=7, batch_size=2)
    expected = torch.cat(list(module.stream([frames])))
    found = torch.cat(list(module.stream(frames.split(chunk))))
    assert len(expected) == module.geometry.num_clips(len(frames))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('name', ['TSN', 'I3D'])
def test_short_video_repeats_its_last_frame(name, frames):
    module = ClipBackbone(RECOGNIZERS[name][0], clip_len=16, stride=4)
    short = frames[:5]
    padded = torch.cat([short, short[-1:].expand(11, -1, -1, -1)])
    found = torch.cat(list(module.stream(short.split(2))))
    assert found.shape[0] == 1
    torch.testing.assert_close(
        found, torch.cat(list(module.stream([padded]))), atol=1e-5, rtol=1e-5
    )


def test_no_frames_no_clips():
    module = ClipBackbone(RECOGNIZERS['TSN'][0], clip_len=16, stride=4)
    assert list(module.stream([])) == []


def test_window_of_frames_stays_small(frames, monkeypatch):
    module = ClipBackbone(RECOGNIZERS['I3D'][0], clip_len=8, stride=2, batch_size=2)
    sizes, describe = [], module._describe

    def spy(window, count):
        sizes.append(len(window))
        return describe(window, count)

    monkeypatch.setattr(module, '_describe', spy)
    video = (frames[i % 41, :, ::4, ::4][None] for i in range(100))
    assert sum(len(part) for part in module.stream(video)) == module.geometry.num_clips(100)
    assert max(sizes) <= 8 + 2 * 2


def test_frozen_unless_asked_otherwise(frames):
    cfg = RECOGNIZERS['I3D'][0]
    clip = frames[:16].transpose(0, 1)[None].float()
    frozen = ClipBackbone(cfg, clip_len=16, stride=4).train()
    assert not frozen.recognizer.training
    assert not frozen(clip)[0].requires_grad
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    tuned = ClipBackbone(cfg, clip_len=16, stride=4, frozen=False).train()
    assert tuned.recognizer.training
    tuned(clip)[0].sum().backward()
    assert tuned.recognizer.backbone.conv1.conv.weight.grad.abs().sum() > 0


def test_plain_backbone_is_normalised_like_a_recognizer(frames):
    cfg = RECOGNIZERS['I3D'][0]
    plain = ClipBackbone(cfg['backbone'], clip_len=16, stride=4)
    recognizer = ClipBackbone(cfg, clip_len=16, stride=4)
    plain.load_state_dict(recognizer.state_dict())
    clip = frames.transpose(0, 1)[None]
    torch.testing.assert_close(plain(clip)[0], recognizer(clip)[0])
    assert ClipBackbone(RECOGNIZERS['TSN'][0]['backbone'], clip_len=16, stride=4).is_2d


def test_other_models_are_refused():
    with pytest.raises(ConfigError, match='must be a Recognizer2D or Recognizer3D'):
        ClipBackbone(
            dict(
                type='RecognizerAudio', backbone=dict(type='ResNetAudio', depth=50, pretrained=None)
            ),
            clip_len=16,
            stride=4,
        )
    flow = dict(
        RECOGNIZERS['TSN'][0],
        data_preprocessor=dict(
            type='ActionDataPreprocessor',
            mean=[128.0, 128.0],
            std=[60.0, 60.0],
            format_shape='NCHW',
        ),
    )
    with pytest.raises(ValueError, match='only 3D recognizers'):
        ClipBackbone(flow, clip_len=16, stride=4)
    depth = dict(
        RECOGNIZERS['I3D'][0],
        data_preprocessor=dict(
            type='ActionDataPreprocessor', mean=[0.0] * 4, std=[1.0] * 4, format_shape='NCTHW'
        ),
    )
    with pytest.raises(ValueError, match='4 channels a frame'):
        ClipBackbone(depth, clip_len=16, stride=4)


@pytest.mark.parametrize(
    'backbone, expected',
    [
        (dict(type='ResNetTSM', depth=50), 8),
        (dict(type='ResNetTIN', depth=50), 8),
        (dict(type='ResNetTIN', depth=50, num_segments=16), 16),
        (dict(type='ResNet', depth=50), None),
        (dict(type='ResNet3dSlowOnly', depth=50), None),
    ],
)
def test_number_of_frames_that_a_backbone_is_built_for(backbone, expected):
    assert fixed_clip_length(backbone) == expected


@pytest.mark.parametrize('numbers', [dict(clip_len=0), dict(stride=0), dict(batch_size=0)])
def test_numbers_must_be_positive(numbers):
    with pytest.raises(ValueError, match=f'{next(iter(numbers))} must be at least 1, but is 0'):
        ClipBackbone(RECOGNIZERS['TSN'][0], **{**dict(clip_len=16, stride=4), **numbers})


def test_weights_come_from_a_recognizer_checkpoint(tmp_path, frames):
    cfg = RECOGNIZERS['TSN'][0]
    recognizer = MODELS.build(dict(cfg, _scope_='mmaction'))
    torch.save(dict(state_dict=recognizer.state_dict(), meta=dict(epoch=1)), tmp_path / 'tsn.pth')
    module = ClipBackbone(cfg, clip_len=16, stride=4, checkpoint=str(tmp_path / 'tsn.pth'))
    module.init_weights()
    for key, value in recognizer.backbone.state_dict().items():
        torch.testing.assert_close(module.recognizer.backbone.state_dict()[key], value)
    other = ClipBackbone(
        RECOGNIZERS['VideoMAE'][0], clip_len=16, stride=4, checkpoint=str(tmp_path / 'tsn.pth')
    )
    with pytest.raises(CheckpointMismatchError, match='nothing was loaded') as error:
        other.load_checkpoint()
    assert 'missing     backbone.patch_embed' in str(error.value)
    assert 'unexpected  backbone.conv1' in str(error.value)
    assert 'cls_head' not in str(error.value)
    (tmp_path / 'damaged.pth').write_text('no checkpoint')
    other.checkpoint = str(tmp_path / 'damaged.pth')
    with pytest.raises(CheckpointError, match='damaged.pth is not a checkpoint'):
        other.load_checkpoint()


def test_checkpoint_that_fits_in_part_is_refused_with_the_differences(tmp_path):
    cfg = RECOGNIZERS['I3D'][0]
    state = MODELS.build(dict(cfg, _scope_='mmaction')).state_dict()
    state.pop('backbone.conv1.bn.bias')
    state['backbone.extra'] = torch.zeros(1)
    state['cls_head.fc_cls.weight'] = torch.zeros(7, 9)
    torch.save(dict(state_dict=state), tmp_path / 'part.pth')
    module = ClipBackbone(cfg, checkpoint=str(tmp_path / 'part.pth'))
    with pytest.raises(CheckpointMismatchError, match=r'2 difference\(s\)') as error:
        module.load_checkpoint()
    lines = str(error.value).splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [
        ['missing', 'backbone.conv1.bn.bias'],
        ['unexpected', 'backbone.extra'],
    ]


def test_pooling_of_every_shape():
    maps = torch.arange(48.0).view(2, 3, 2, 2, 2)
    assert pool_features(maps).tolist() == [[3.5, 11.5, 19.5], [27.5, 35.5, 43.5]]
    assert pool_features(maps[:, :, 0]).shape == (2, 3)
    assert pool_features(maps[:, 0, 0, 0]).tolist() == maps[:, 0, 0, 0].tolist()
    assert pool_features(torch.ones(2, 5, 3)).shape == (2, 3)
    assert pool_features((maps, [maps[:, :1], maps[:, 1:]])).shape == (2, 6)
