# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from tmx_plugin.errors import ConfigError
from tmx_plugin.features.flow import code_flow, open_flow
from tmx_plugin.features.frame_pipeline import FramePipeline
from tmx_plugin.features.frame_streams import FrameStreams


class Video:
    """Frames in runs, as :class:`VideoFrames` gives them; counts how often each is read."""

    path = 'video.mp4'

    def __init__(self, frames, size):
        self.frames, self.size, self.reads = frames, size, 0

    def __len__(self):
        return len(self.frames)

    def chunks(self):
        for start in range(0, len(self.frames), self.size):
            chunk = self.frames[start : start + self.size]
            self.reads += len(chunk)
            yield chunk


@pytest.fixture(scope='module')
def frames():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (9, 12, 16, 3), dtype=np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)  # (9, 48, 64, 3)


def pipeline():
    return FramePipeline(
        [dict(type='Resize', scale=(-1, 40)), dict(type='CenterCrop', crop_size=32)]
    )


@pytest.mark.parametrize('size', [1, 4, 9])
def test_rgb_and_flow_show_the_same_pixels(frames, size):
    dis = open_flow('dis')
    video = Video(frames, size)
    found = np.concatenate(list(FrameStreams(pipeline(), (3, 2), dis).chunks(video)))
    assert video.reads == len(frames)  # each once
    assert found.shape == (9, 32, 32, 5) and found.dtype == np.uint8
    np.testing.assert_array_equal(found[..., :3], pipeline()(frames))
    resized, crop = pipeline().split_at_crop()
    flow = code_flow(dis.between(resized(frames)))
    np.testing.assert_array_equal(found[:-1, ..., 3:], crop(flow))
    np.testing.assert_array_equal(found[-1, ..., 3:], crop(flow)[-1])  # the last is repeated


def test_one_frame_does_not_move(frames):
    found = list(FrameStreams(pipeline(), (3, 2), open_flow('dis')).chunks(Video(frames[:1], 4)))
    assert len(found) == 1 and (found[0][..., 3:] == 128).all()


@pytest.mark.parametrize('channels, width', [((2,), 2), ((3,), 3), ((2, 3), 5)])
def test_streams_in_their_order(frames, channels, width):
    flow = open_flow('dis') if 2 in channels else None
    found = np.concatenate(list(FrameStreams(pipeline(), channels, flow).chunks(Video(frames, 4))))
    assert found.shape == (9, 32, 32, width)
    if 3 in channels:
        np.testing.assert_array_equal(found[..., -3:], pipeline()(frames))


def test_flow_is_there_exactly_where_it_is_wanted():
    with pytest.raises(ConfigError, match='takes optical flow; say how'):
        FrameStreams(pipeline(), (3, 2))
    with pytest.raises(ConfigError, match='takes no optical flow'):
        FrameStreams(pipeline(), (3,), open_flow('dis'))
