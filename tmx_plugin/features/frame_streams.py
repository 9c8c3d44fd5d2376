# SPDX-License-Identifier: Apache-2.0
"""Decoded frames as the input of networks: RGB, optical flow, or both side by side."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..errors import ConfigError
from .flow import ZERO
from .frame_pipeline import FramePipeline
from .video import VideoFrames

_CHANNELS = {3: 'rgb', 2: 'flow'}


class FrameStreams:
    """Turns the frames of a video into channels, in a stream.

    Each frame is decoded once, and one run of frames is held at a time. Flow is computed between
    resized frames and cropped like them, so that both streams show the same pixels. The flow of
    frame i goes from i to i + 1; the last one is repeated.

    Args:
        pipeline (FramePipeline): What resizes and crops frames.
        channels (Sequence[int]): Channels of each stream: 3 of RGB, 2 of flow.
        flow (optional): A source of flow from :func:`~tmx_plugin.features.flow.open_flow`.

    Raises:
        ConfigError: If a stream takes flow and there is no source of it, or the other way round.
    """

    def __init__(self, pipeline: FramePipeline, channels: Sequence[int] = (3,), flow=None) -> None:
        self.kinds = [_CHANNELS[count] for count in channels]
        self.flow = flow
        if 'flow' in self.kinds and flow is None:
            raise ConfigError(
                'the network takes optical flow; say how to compute it, e.g. '
                '--flow dis, or where its images are'
            )
        if flow is not None and 'flow' not in self.kinds:
            raise ConfigError('the network takes no optical flow, so --flow has no use')
        self.pipeline = pipeline
        self.resize, self.crop = pipeline.split_at_crop()

    def chunks(self, frames: VideoFrames) -> Iterator[np.ndarray]:
        """Runs of frames ``(f, h, w, sum of channels)`` uint8, as many frames as in the video.

        Raises:
            DataError: If the video, or the flow images of it, cannot be read to their end.
        """
        if 'flow' not in self.kinds:
            for chunk in frames.chunks():
                yield self._join(rgb=self.pipeline(chunk))
            return
        flow_of = self.flow.open(frames.path, len(frames))
        held, flow = None, None
        for chunk in frames.chunks():
            run = self.resize(chunk)
            run = run if held is None else np.concatenate([held, run])
            held = run[-1:]
            if len(run) > 1:
                flow = flow_of(run)
                yield self._join(rgb=self.crop(run[:-1]), flow=self.crop(flow))
        if held is not None:
            last = np.full((*held.shape[:3], 2), ZERO, np.uint8) if flow is None else flow[-1:]
            yield self._join(rgb=self.crop(held), flow=self.crop(last))

    def _join(self, **parts_by_kind: np.ndarray) -> np.ndarray:
        parts = [parts_by_kind[kind] for kind in self.kinds]
        return np.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
