# SPDX-License-Identifier: Apache-2.0
"""Frames of videos: order, rates, memory and errors."""

import sys

import cv2
import numpy as np
import pytest

from tmx_plugin.features import video as video_module
from tmx_plugin.features.video import VideoFrames


def write_numbered_video(path, count, fps=10):
    """Frame i shows i modulo 256: a column of eight black or white blocks, highest bit on top."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), fps, (64, 64))
    for i in range(count):
        bits = np.unpackbits(np.array([i % 256], dtype=np.uint8))
        writer.write(
            np.repeat(np.repeat((bits * 255)[:, None, None], 8, 0), 64, 1).repeat(3, axis=2)
        )
    writer.release()
    return path


def read_numbers(frames):
    bits = np.concatenate([chunk[:, 4::8, 32, 0] > 127 for chunk in frames])
    return np.packbits(bits, axis=1)[:, 0].tolist()


@pytest.fixture
def video(tmp_path):
    return write_numbered_video(tmp_path / 'numbers.mp4', 70)


@pytest.mark.parametrize('size', [1, 32, 100])
def test_frames_come_in_order(video, size):
    frames = VideoFrames(video)
    assert (len(frames), frames.fps, frames.duration) == (70, 10, 7)
    assert read_numbers(frames.chunks(size)) == list(range(70))


@pytest.mark.parametrize('fps', [4, 10, 25])
def test_resampled(video, fps):
    frames = VideoFrames(video, fps=fps)
    expected = [int((j + 0.5) / fps * 10 + 1e-6) for j in range(7 * fps)]
    assert len(frames) == 7 * fps and frames.fps == fps and frames.source_fps == 10
    assert read_numbers(frames.chunks()) == expected


def test_every_frame_is_decoded_once(video, monkeypatch):
    decoded, convert = [], video_module._upright
    monkeypatch.setattr(
        video_module,
        '_upright',
        lambda frame, like: decoded.append(frame.pts) or convert(frame, like),
    )
    assert len(read_numbers(VideoFrames(video, fps=25).chunks(16))) == 175
    assert len(decoded) == len({*decoded}) == 70


def test_memory_does_not_grow_with_the_video(tmp_path):
    psutil = pytest.importorskip('psutil')
    frames = VideoFrames(write_numbered_video(tmp_path / 'long.mp4', 5000))
    sizes = [psutil.Process().memory_info().rss for _ in frames.chunks()]
    assert sizes[-1] - sizes[20] < 20 * 2**20  # the frames that follow take 53 MB


def test_real_videos(shared_data):
    for name, shape in {'demo.mp4': (280, 256, 340), 'pancake.mkv': (310, 240, 426)}.items():
        frames = VideoFrames(shared_data / 'videos' / name)
        assert sum(len(chunk) for chunk in frames.chunks()) == len(frames) == shape[0]
        assert next(frames.chunks(2)).shape == (2, *shape[1:], 3)


def test_no_video_is_an_error_that_names_it(tmp_path):
    path = tmp_path / 'text.mp4'
    path.write_text('no video')
    with pytest.raises(ValueError, match='text.mp4: cannot be read as a video'):
        VideoFrames(path)
    with pytest.raises(ValueError, match='absent.mp4: cannot be read as a video'):
        VideoFrames(tmp_path / 'absent.mp4')


def test_missing_pyav_names_the_extra(monkeypatch, video):
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(ImportError, match=r'tmx_plugin\[video\]'):
        VideoFrames(video)
