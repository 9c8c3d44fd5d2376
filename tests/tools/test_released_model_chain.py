# SPDX-License-Identifier: Apache-2.0
"""A video, public recognizer weights, a released checkpoint: one command, named segments."""

import csv
import json
import re

import cv2
import numpy as np
import pytest
import torch
from tool_modules import load_module

from tmx_plugin.apis import TALInferencer, init_extractor
from tmx_plugin.datasets.released_classes import released_classes
from tmx_plugin.errors import CheckpointMismatchError, ConfigError
from tmx_plugin.features.flow import code_flow
from tmx_plugin.features.storage import read_side_file, write_features

FRAMES = 24  # three clips


def load(path):
    return load_module(path)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('released')


@pytest.fixture(scope='module')
def video(shared_data, folder):
    """The first frames of a real video, at another size than the networks'."""
    capture = cv2.VideoCapture(str(shared_data / 'videos' / 'demo.mp4'))
    writer = cv2.VideoWriter(
        str(folder / 'clip.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25, (320, 240)
    )
    for _ in range(FRAMES):
        writer.write(cv2.resize(capture.read()[1], (320, 240)))
    writer.release()
    return folder / 'clip.mp4'


@pytest.fixture(scope='module')
def weights(golden_dir, folder):
    """Public files of both networks, with values made from the names of their tensors."""
    by_name = load(golden_dir / 'features' / 'weights_by_name.py')
    paths = []
    for layout, name in [('i3d_rgb_tf_port', 'i3d_rgb.pt'), ('i3d_flow', 'flow_imagenet.pt')]:
        paths.append(str(folder / name))
        torch.save(by_name.state_dict(golden_dir / 'features' / f'keys_{layout}.tsv'), paths[-1])
    return paths


@pytest.fixture(scope='module')
def released(golden_dir, folder):
    """A file in the layout of OpenTAD's release, with random weights."""
    section = re.search(
        r'^#### thumos_i3d:.*?```\n(.*?)```',
        (golden_dir / 'keys_opentad.md').read_text(),
        re.S | re.M,
    )
    generator = torch.Generator().manual_seed(0)
    state = {}
    for line in section[1].strip().splitlines():
        name, shape = re.match(r'(\S+)\s+\[(.*?)\]', line).groups()
        size = [int(n) for n in shape.split(',') if n.strip()]
        state[f'module.{name}'] = 0.02 * torch.randn(size, generator=generator)
        if name.endswith(('norm.weight', 'scale')):
            state[f'module.{name}'] += 1
    torch.save(dict(epoch=45, state_dict=state, state_dict_ema=state), folder / 'epoch_45.pth')
    return str(folder / 'epoch_45.pth')


@torch.no_grad()
def clip_by_clip(video, weights):
    """Features with the public preprocessing, nothing of the extraction code: ``(T, 2048)``."""
    capture, frames = cv2.VideoCapture(str(video)), []
    for _ in range(FRAMES):
        frame = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
        frames.append(cv2.resize(frame, (341, 256), interpolation=cv2.INTER_LINEAR))
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    flow = [dis.calc(first, second, None) for first, second in zip(grey, grey[1:])]
    flow = code_flow(np.stack([*flow, flow[-1]]))
    features = []
    for name, file, stream in zip(('i3d_rgb', 'i3d_flow'), weights, (np.stack(frames), flow)):
        network = init_extractor(name, file).backbone.recognizer.backbone
        cropped = torch.from_numpy(stream[:, 16:240, 58:282]).permute(3, 0, 1, 2)
        clips = [
            cropped[None, :, start : start + 16].float() / 255 * 2 - 1
            for start in range(0, FRAMES - 15, 4)
        ]
        features.append(np.concatenate([network(clip).mean((2, 3, 4)) for clip in clips]))
    return np.concatenate(features, axis=1)


@pytest.mark.slow
def test_one_command_from_a_video_to_named_segments(
    video, weights, released, folder, repo, monkeypatch
):
    monkeypatch.chdir(folder)
    status = load(repo / 'tools' / 'infer.py').main(
        [
            str(video),
            'thumos_i3d',
            released,
            '--extractor-weights',
            *weights,
            '--flow',
            'dis',
            '--device',
            'cpu',
            '--format',
            'csv',
            'srt',
        ]
    )
    assert status == 0
    names = released_classes('thumos14', 20)
    actions = json.loads((folder / 'out' / 'predictions.json').read_text())['results']['clip']
    assert actions and {each['label'] for each in actions} <= set(names)
    assert all(0 <= each['segment'][0] <= each['segment'][1] <= FRAMES / 25 for each in actions)
    with open(folder / 'out' / 'predictions.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(actions) and {row['label'] for row in rows} <= set(names)
    assert any(name in (folder / 'out' / 'clip.srt').read_text() for name in names)


@pytest.mark.slow
def test_features_are_those_computed_clip_by_clip(video, weights, folder, repo):
    status = load(repo / 'tools' / 'extract_features.py').main(
        [
            str(video),
            str(folder / 'features'),
            '--config',
            'thumos_i3d',
            '--extractor-weights',
            *weights,
            '--flow',
            'dis',
            '--device',
            'cpu',
            '--batch-size',
            '2',
        ]
    )
    assert status == 0
    found = np.load(folder / 'features' / 'clip.npy')
    expected = clip_by_clip(video, weights)
    assert found.shape == expected.shape == (3, 2048)
    for half in (slice(0, 1024), slice(1024, 2048)):
        difference = np.abs(found[:, half] - expected[:, half]).max()
        assert difference <= 1e-4 * np.abs(expected[:, half]).max()
    side = read_side_file(folder / 'features' / 'clip.npy')
    assert side['recognizer'] == 'i3d_rgb+i3d_flow' and side['flow'] == 'dis'
    assert (side['clip_len'], side['stride'], side['offset_frames']) == (16, 4, 8)


def test_what_does_not_fit_the_recipe_is_refused(video, weights, released, folder, repo):
    with pytest.raises(ConfigError, match=r'weights of 2 network\(s\), i3d_rgb, i3d_flow, found 1'):
        TALInferencer('thumos_i3d', released, 'cpu', extractor_weights=weights[:1])
    with pytest.raises(CheckpointMismatchError, match='flow_imagenet.pt'):
        TALInferencer('thumos_i3d', released, 'cpu', extractor_weights=weights[::-1])
    with pytest.raises(ConfigError, match='recipe .*i3d_rgb.* these are slowfast_epic'):
        TALInferencer('thumos_i3d', released, 'cpu', recognizer='slowfast_epic')
    with pytest.raises(ConfigError, match='does not say which networks'):
        TALInferencer('hapt_inertial', None, 'cpu', extractor_weights=weights)
    inferencer = TALInferencer('thumos_i3d', released, 'cpu', show_progress=False)
    with pytest.raises(ConfigError, match='rgb_imagenet.pt or i3d_rgb.pt .*\n.*flow_imagenet.pt'):
        inferencer(str(video))
    write_features(
        folder / 'other.npy',
        np.zeros((9, 2048), np.float32),
        dict(
            recognizer='i3d_flow+i3d_rgb',
            clip_len=16,
            stride=4,
            offset_frames=8.0,
            fps=25.0,
            length=9,
            channels=2048,
        ),
    )
    with pytest.raises(ConfigError, match='these are i3d_flow . i3d_rgb'):
        inferencer(str(folder / 'other.npy'))


def test_recipe_is_a_module_of_both_streams(weights):
    extractor = init_extractor('thumos_i3d', weights)
    clip = torch.rand(1, 5, 8, 32, 32) * 255
    with torch.no_grad():
        found = extractor(clip)
        halves = [
            init_extractor(name, file)(part)
            for name, file, part in zip(('i3d_rgb', 'i3d_flow'), weights, clip.split([3, 2], dim=1))
        ]
    torch.testing.assert_close(found, torch.cat(halves, dim=1))
    assert found.shape == (1, 2048)
