# SPDX-License-Identifier: Apache-2.0
import sys

import cv2
import numpy as np
import pytest

from tmx_plugin.features.video import VideoFrames


def write_numbered_video(path, count, fps=10):
    """Frame i shows i, as a column of eight black or white blocks, the highest bit on top."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), fps, (64, 64))
    for i in range(count):
        bits = np.unpackbits(np.array([i], dtype=np.uint8))
        writer.write(np.repeat(np.repeat((bits * 255)[:, None, None], 8, 0), 64, 1)
                     .repeat(3, axis=2))
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
    grabbed, capture = [], cv2.VideoCapture

    class Spy:  # a wrapper: OpenCV's classes crash when subclassed

        def __init__(self, *args):
            self.wrapped = capture(*args)

        def grab(self):
            grabbed.append(1)
            return self.wrapped.grab()

        def retrieve(self):
            return self.wrapped.retrieve()

    monkeypatch.setattr(cv2, 'VideoCapture', Spy)
    assert len(read_numbers(VideoFrames(video, fps=25).chunks(16))) == 175
    assert len(grabbed) == 70


def test_file_that_breaks_off_is_an_error(video):
    frames = VideoFrames(video)
    frames.source_frames, frames._repeats = 80, np.ones(80, dtype=int)
    with pytest.raises(ValueError, match='numbers.mp4: breaks off at frame 70 of 80'):
        list(frames.chunks())


def test_same_pixels_as_decord(shared_data):
    import decord

    for name in ('demo.mp4', 'pancake.mkv', 'test.mp4'):
        path = shared_data / 'videos' / name
        found = next(VideoFrames(path).chunks(20))
        expected = decord.VideoReader(str(path), num_threads=1).get_batch(range(20)).asnumpy()
        assert (found == expected).all()


def test_memory_does_not_grow_with_the_video(tmp_path):
    psutil = pytest.importorskip('psutil')
    path = write_numbered_video(tmp_path / 'long.mp4', 250)
    frames = VideoFrames(path)
    list(frames.chunks())
    before = psutil.Process().memory_info().rss
    for _ in range(20):  # 5000 frames, 60 MB if they were kept
        for _ in frames.chunks():
            pass
    assert psutil.Process().memory_info().rss - before < 20 * 2**20


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


def test_missing_decord_names_the_extra(monkeypatch, video):
    monkeypatch.setitem(sys.modules, 'decord', None)
    with pytest.raises(ImportError, match=r'tmx_plugin\[video\]'):
        VideoFrames(video)
