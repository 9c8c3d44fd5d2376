# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tool_modules import load_module

import tmx_plugin  # noqa: F401  before any model of MMAction2

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'extract_features.py'
tool = load_module(TOOL)

CONFIG = """
model = dict(
    type='Recognizer2D',
    backbone=dict(type='ResNet', depth=18, num_stages=1, strides=(1, ), dilations=(1, ),
                  out_indices=(0, )),
    cls_head=dict(type='TSNHead', num_classes=5, in_channels=64),
    data_preprocessor=dict(type='ActionDataPreprocessor', mean=[127.] * 3, std=[60.] * 3,
                           format_shape='NCHW'))
test_pipeline = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=25, test_mode=True),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 36)),
    dict(type='TenCrop', crop_size=32),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs'),
]
"""


def write_video(path, count=40, fps=20):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), fps, (64, 48))
    for i in range(count):
        writer.write(np.full((48, 64, 3), 6 * i, dtype=np.uint8))
    writer.release()
    return path


@pytest.fixture
def workplace(tmp_path):
    from mmaction.registry import MODELS
    from mmengine.config import Config

    (tmp_path / 'config.py').write_text(CONFIG)
    (tmp_path / 'videos').mkdir()
    torch.manual_seed(0)
    recognizer = MODELS.build(
        dict(Config.fromfile(tmp_path / 'config.py').model, _scope_='mmaction')
    )
    torch.save(dict(state_dict=recognizer.state_dict()), tmp_path / 'weights.pth')
    return tmp_path


def run(workplace, source, *args, out='out'):
    return tool.main(
        [
            str(source),
            str(workplace / out),
            '--config',
            str(workplace / 'config.py'),
            '--checkpoint',
            str(workplace / 'weights.pth'),
            '--device',
            'cpu',
            *args,
        ]
    )


def test_features_and_side_file(workplace):
    video = write_video(workplace / 'videos' / 'a.mp4')
    assert run(workplace, video) == 0
    features = np.load(workplace / 'out' / 'a.npy')
    assert features.shape == (7, 64) and features.dtype == np.float32
    assert (np.abs(np.diff(features, axis=0)).max(axis=1) > 0).all()
    side = json.loads((workplace / 'out' / 'a.json').read_text())
    expected = dict(
        fps=20,
        frames=40,
        duration=2,
        stride=4,
        clip_len=16,
        offset_frames=8,
        recognizer='config',
        length=7,
        channels=64,
        video='a.mp4',
    )
    assert {key: side[key] for key in expected} == expected
    assert len(side['checkpoint_hash']) == 64


def test_dataset_accepts_them_and_refuses_another_geometry(workplace):
    from tmx_plugin.datasets import TALDataset
    from tmx_plugin.datasets.errors import DataError

    run(workplace, write_video(workplace / 'videos' / 'a.mp4'))
    (workplace / 'ann.json').write_text(
        json.dumps(
            dict(
                database=dict(
                    a=dict(
                        subset='test',
                        duration=2.0,
                        fps=20.0,
                        annotations=[dict(label='x', segment=[0.5, 1.0])],
                    )
                )
            )
        )
    )
    settings = dict(
        ann_file='ann.json',
        data_root=str(workplace),
        subset='test',
        pipeline=[],
        data_prefix=dict(feats='out'),
        test_mode=True,
    )
    assert len(TALDataset(feature_stride=4, offset_frames=8, **settings)) == 1
    with pytest.raises(DataError, match='a.json'):
        TALDataset(feature_stride=8, offset_frames=8, **settings)


def test_broken_video_does_not_stop_the_others(workplace, capsys):
    (workplace / 'videos' / 'a_broken.mp4').write_text('no video')
    whole = write_video(workplace / 'videos' / 'b.mp4').read_bytes()
    (workplace / 'videos' / 'c_half.mp4').write_bytes(whole[: len(whole) // 2])
    assert run(workplace, workplace / 'videos') == 1
    printed = capsys.readouterr()
    assert 'a_broken: FAILED' in printed.out and 'b: 7 clips' in printed.out
    assert '2 of 3 videos failed: a_broken, c_half' in printed.err
    assert sorted(path.name for path in (workplace / 'out').iterdir()) == ['b.json', 'b.npy']


def test_complete_ones_are_skipped_unless_overwritten(workplace, capsys):
    video = write_video(workplace / 'videos' / 'a.mp4')
    run(workplace, video)
    before = (workplace / 'out' / 'a.npy').stat().st_mtime_ns
    assert run(workplace, video) == 0
    assert (workplace / 'out' / 'a.npy').stat().st_mtime_ns == before
    assert 'complete already' in capsys.readouterr().out
    assert run(workplace, video, '--stride', '8') == 1
    assert 'made with stride 4 (now 8)' in capsys.readouterr().out
    assert run(workplace, video, '--stride', '8', '--overwrite') == 0
    assert len(np.load(workplace / 'out' / 'a.npy')) == 4


def test_resampling_and_config_overrides(workplace):
    video = write_video(workplace / 'videos' / 'a.mp4')
    assert (
        run(workplace, video, '--fps', '40', '--cfg-options', 'test_pipeline.4.crop_size=16') == 0
    )
    side = json.loads((workplace / 'out' / 'a.json').read_text())
    assert (side['fps'], side['frames'], side['source_frames'], side['length']) == (40, 80, 40, 17)


def test_processes_share_the_videos_out(workplace, monkeypatch):
    for name in 'abc':
        write_video(workplace / 'videos' / f'{name}.mp4')
    monkeypatch.setenv('WORLD_SIZE', '2')
    monkeypatch.setenv('LOCAL_RANK', '0')
    for rank, expected in ((0, ['a', 'c']), (1, ['b'])):
        monkeypatch.setenv('RANK', str(rank))
        assert run(workplace, workplace / 'videos', '--launcher', 'pytorch', out=f'r{rank}') == 0
        assert sorted(path.stem for path in (workplace / f'r{rank}').glob('*.npy')) == expected


def test_real_videos(workplace, shared_data):
    assert run(workplace, shared_data / 'videos', '--stride', '16') == 0
    lengths = {path.stem: len(np.load(path)) for path in (workplace / 'out').glob('*.npy')}
    assert lengths == dict(
        demo=(280 - 16) // 16 + 1, test=(300 - 16) // 16 + 1, pancake=(310 - 16) // 16 + 1
    )


def test_weights_must_be_given(workplace, capsys):
    with pytest.raises(SystemExit) as stopped:
        tool.main(['a.mp4', 'out', '--config', str(workplace / 'config.py')])
    assert stopped.value.code == 2 and '--random-weights' in capsys.readouterr().err
    assert run(workplace, workplace / 'absent.mp4') == 1
    assert 'absent.mp4: no such file' in capsys.readouterr().err


@pytest.mark.slow
def test_help_needs_no_torch(repo):
    code = (
        'import sys, runpy; sys.argv = ["extract_features.py", "-h"]\n'
        'try:\n    runpy.run_path(sys.argv[0], run_name="__main__")\n'
        'except SystemExit:\n    print("torch" in sys.modules)'
    )
    found = subprocess.run(
        [sys.executable, '-c', code],
        cwd=repo / 'tools',
        text=True,
        capture_output=True,
        env={**os.environ, 'PYTHONPATH': str(repo)},
    )
    assert found.stdout.strip().endswith('False'), found.stdout + found.stderr


def test_frame_rate_must_be_positive(workplace, capsys):
    video = write_video(workplace / 'videos' / 'a.mp4')
    assert run(workplace, video, '--fps', '0') == 1
    assert '--fps: expected a finite number above 0, found 0.0' in capsys.readouterr().err
    assert not (workplace / 'out').exists()


@pytest.mark.slow
def test_no_process_ends_before_the_others_are_done(tmp_path):
    """torchrun would stop them when one ends with an error."""
    (tmp_path / 'script.py').write_text("""
import os, time
from pathlib import Path
from tmx_plugin.apis.batch import wait_for_all
if os.environ['RANK'] == '1':
    time.sleep(1)
    Path('done').touch()
wait_for_all('pytorch')
assert Path('done').exists()
""")
    ended = subprocess.run(
        [
            sys.executable,
            '-m',
            'torch.distributed.run',
            '--standalone',
            '--nproc_per_node=2',
            'script.py',
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(TOOL.parents[1])),
    )
    assert ended.returncode == 0, ended.stderr
