# SPDX-License-Identifier: Apache-2.0
"""An MMAction2 recognizer as a clip feature extractor, for files and inside a model alike."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Optional

import torch
from mmaction.models.recognizers import Recognizer2D, Recognizer3D
from mmaction.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from ...errors import ConfigError
from ...structures.clip_geometry import ClipGeometry
from .recognizer_config import as_recognizer, fixed_clip_length, pool_features
from .weights import load_recognizer_weights


class SlidingBackbone(BaseModule):
    """What slides over a video and describes its clips, in bounded memory.

    Children set :attr:`in_channels` and implement :meth:`describe_clips`.

    Args:
        geometry (ClipGeometry): Which frames a clip covers, and which of them are looked at.
        batch_size (int): Clips that go through at once.
        frozen (bool): Whether to keep weights and statistics as they are.

    Raises:
        ConfigError: If ``batch_size`` is not positive.
    """

    in_channels: int

    def __init__(self, geometry: ClipGeometry, batch_size: int, frozen: bool) -> None:
        super().__init__()
        if batch_size < 1:
            raise ConfigError(f'batch_size must be at least 1, but is {batch_size}')
        self.geometry = geometry
        self.batch_size = batch_size
        self.frozen = frozen
        # A recognizer may have no parameters to tell the device by.
        self.register_buffer('_anchor', torch.empty(0), persistent=False)

    def train(self, mode: bool = True):
        """Frozen, it stays in evaluation mode."""
        return super().train(mode and not self.frozen)

    @property
    def device(self) -> torch.device:
        """Where the recognizer is."""
        return self._anchor.device

    def describe_clips(self, clips: Tensor) -> Tensor:
        """Features ``(n, C)`` float32 of clips ``(n, L, in_channels, H, W)``."""
        raise NotImplementedError

    def forward(self, frames: Tensor, masks: Optional[Tensor] = None) -> tuple[Tensor, Tensor]:
        """Features of a batch of whole videos.

        Args:
            frames (Tensor): ``(B, in_channels, F, H, W)``, uint8 or float in 0..255, resized and
                cropped to what the recognizer expects.
            masks (Tensor, optional): ``(B, F)`` bool, True for the frames of each video and
                False for what pads it at its end; None means no padding.

        Returns:
            tuple[Tensor, Tensor]: Features ``(B, C, T)`` float32, zero behind each video, and
            their validity ``(B, T)`` bool. Each video gets the features it gets alone.
        """
        lengths = [frames.shape[2]] * len(frames) if masks is None else masks.sum(1).tolist()
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            videos = [
                torch.cat(list(self.stream([video[:, :length].transpose(0, 1)])))
                for video, length in zip(frames, lengths)
            ]
        counts = torch.tensor([len(video) for video in videos], device=frames.device)
        valid = torch.arange(int(counts.max()), device=frames.device) < counts[:, None]
        return pad_sequence(videos, batch_first=True).transpose(1, 2), valid

    def stream(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """Features of one video of any length, in bounded memory.

        Args:
            chunks (Iterable[Tensor]): Neighbouring runs of frames ``(f, in_channels, H, W)``,
                uint8 or float in 0..255.

        Yields:
            Tensor: ``(n, C)`` float32, the next ``n`` clips; ``geometry.num_clips(F)`` in all.
        """
        geometry = self.geometry
        window, first = None, 0  # frames from number `first` on
        done = total = 0
        for chunk in chunks:
            total += len(chunk)
            chunk = self._embed(chunk.to(self.device))
            window = chunk if window is None else torch.cat([window, chunk])
            ready = geometry.num_clips(total) if total >= geometry.clip_len else 0
            ready = (ready - done) // self.batch_size * self.batch_size
            if ready:
                yield from self._describe(window[done * geometry.stride - first :], ready)
                done += ready
            # Where clips lie apart, the next one may start beyond what was read so far.
            drop = min(done * geometry.stride - first, len(window))
            window, first = window[drop:], first + drop
        if window is None or not total:
            return
        missing = geometry.clip_len - total
        if missing > 0:
            window = torch.cat([window, window[-1:].expand(missing, *window.shape[1:])])
        yield from self._describe(window, geometry.num_clips(total) - done)

    def _embed(self, frames: Tensor) -> Tensor:
        """What the sliding window holds of frames ``(f, in_channels, H, W)``."""
        return frames

    def _describe(self, window: Tensor, count: int) -> Iterator[Tensor]:
        """The first ``count`` clips of a window, ``batch_size`` at a time: ``(n, C)``."""
        geometry = self.geometry
        picks = torch.as_tensor(geometry.picks, device=window.device)
        for start in range(0, count, self.batch_size):
            first = (
                torch.arange(start, min(start + self.batch_size, count), device=window.device)
                * geometry.stride
            )
            clips = window[first[:, None] + picks]  # (n, L, ...)
            yield self.describe_clips(clips)


@MODELS.register_module()
class ClipBackbone(SlidingBackbone):
    """Clip features of videos: frames ``(B, in_channels, F, H, W)`` in, ``(B, C, T)`` out.

    The recognizer's data preprocessor normalises the frames, its backbone (and neck, where it
    has one) looks at each clip, and what comes out is averaged over space and time. The
    classification head is not built.

    A 2D recognizer that treats frames one by one (TSN) sees every frame once, and the frames'
    features are averaged over each clip: the same numbers as clip by clip, for
    ``clip_len / stride`` times less work. A backbone built for a certain number of frames
    (TSM, VideoMAE, TimeSformer) is given that many, spread evenly over the clip.

    Args:
        recognizer (dict): Config of a ``Recognizer2D`` or ``Recognizer3D``, or of a plain
            MMAction2 backbone, which is then fed RGB frames in 0..255 normalised with the
            ImageNet statistics. A ``Recognizer3D`` whose data preprocessor has two means takes
            optical flow, x and y as 8 bits.
        clip_len (int): Frames a clip spans.
        stride (int): Frames between the starts of neighbouring clips: the feature stride.
        frames_per_clip (int, optional): Frames of a clip the recognizer sees. Default: the
            number its backbone is built for, else ``clip_len``.
        batch_size (int): Clips (frames, where these are treated one by one: ``clip_len``
            times as many) that go through the recognizer at once.
        frozen (bool): Whether to keep the recognizer's weights and statistics as they are.
        checkpoint (str, optional): File or URL of the recognizer's weights, loaded by
            ``init_weights()``.

    Raises:
        ConfigError: If ``recognizer`` builds something else than a 2D or 3D recognizer.
        ConfigError: If a number of frames or clips is not positive, or the recognizer takes
            something else than RGB frames or single flow images.

    Example:
        >>> import mmaction.models  # registers the backbones
        >>> backbone = ClipBackbone(
        ...     dict(type='mmaction.ResNet', depth=18, pretrained=None), clip_len=8, stride=4)
        >>> feats, masks = backbone(torch.zeros(1, 3, 20, 32, 32, dtype=torch.uint8))
        >>> tuple(feats.shape)
        (1, 512, 4)
    """

    def __init__(
        self,
        recognizer: dict,
        *,
        clip_len: int = 16,
        stride: int = 4,
        frames_per_clip: Optional[int] = None,
        batch_size: int = 8,
        frozen: bool = True,
        checkpoint: Optional[str] = None,
    ) -> None:
        cfg = as_recognizer(recognizer)
        fixed = fixed_clip_length(cfg['backbone'])
        super().__init__(
            ClipGeometry(clip_len, stride, frames_per_clip or fixed), batch_size, frozen
        )
        self.recognizer = MODELS.build(cfg)
        if not isinstance(self.recognizer, (Recognizer2D, Recognizer3D)):
            raise ConfigError(
                'the recognizer must be a Recognizer2D or Recognizer3D, but '
                f'{cfg["type"]!r} builds a {type(self.recognizer).__name__}'
            )
        self.is_2d = isinstance(self.recognizer, Recognizer2D)
        self.in_channels = self._count_channels()
        self.per_frame = self.is_2d and fixed is None and not self.recognizer.with_neck
        self.checkpoint = checkpoint
        if frozen:
            self.requires_grad_(False)
        self.train(self.training)

    def init_weights(self) -> None:
        """Initialize, and load the checkpoint if one is given."""
        super().init_weights()
        if self.checkpoint is not None:
            self.load_checkpoint()

    def load_checkpoint(self) -> None:
        """Load the recognizer's weights from :attr:`checkpoint`.

        Raises:
            ConfigError: No checkpoint is given.
        """
        if self.checkpoint is None:
            raise ConfigError('the backbone has no checkpoint to load')
        load_recognizer_weights(self.recognizer, self.checkpoint)

    def _count_channels(self) -> int:
        """Channels of a frame: 3 of RGB, 2 of optical flow."""
        channels = getattr(self.recognizer.data_preprocessor, 'mean', torch.empty(3)).numel()
        if channels == 2 and self.is_2d:
            raise ConfigError(
                'the recognizer looks at stacks of flow images; of optical flow '
                'only 3D recognizers can be used'
            )
        if channels not in (1, 2, 3):
            raise ConfigError(
                f'the recognizer takes {channels} channels a frame; expected 3 '
                '(RGB) or 2 (optical flow)'
            )
        return 3 if channels == 1 else channels  # one mean for all of RGB

    def _embed(self, frames: Tensor) -> Tensor:
        """What the sliding window holds of ``(f, 3, H, W)``: them, or their features (f, C)."""
        if not self.per_frame:
            return frames
        batches = frames.split(self.batch_size * self.geometry.clip_len)
        return torch.cat([self._recognize(batch[:, None]) for batch in batches])

    def describe_clips(self, clips: Tensor) -> Tensor:
        """Features ``(n, C)`` float32 of clips.

        Args:
            clips (Tensor): ``(n, L, in_channels, H, W)``, uint8 or float in 0..255; where
                frames are treated one by one, their features ``(n, L, C)``.
        """
        return clips.mean(dim=1) if self.per_frame and clips.ndim == 3 else self._recognize(clips)

    def _recognize(self, clips: Tensor) -> Tensor:
        """Pooled features (n, C) of clips (n, L, in_channels, H, W)."""
        count = len(clips)
        if not self.is_2d:
            clips = clips.transpose(1, 2)[:, None]  # one crop: (n, 1, 3, L, H, W)
        preprocessor = self.recognizer.data_preprocessor
        if preprocessor.device != self.device:
            preprocessor.to(self.device)
        inputs = preprocessor(dict(inputs=list(clips), data_samples=None))['inputs']
        feats = pool_features(self.recognizer.extract_feat(inputs, stage='neck')[0])
        return feats.float().view(count, -1, feats.shape[1]).mean(dim=1)


class MultiStreamBackbone(SlidingBackbone):
    """Several clip backbones side by side, such as RGB and optical flow.

    The channels of a frame are shared out in the order of the streams; their features are
    concatenated in that order.

    Args:
        streams (Sequence[ClipBackbone]): With the same clips.

    Raises:
        ConfigError: If the streams look at different frames.
    """

    def __init__(self, streams: Sequence[ClipBackbone]) -> None:
        first = streams[0]
        if any(stream.geometry != first.geometry for stream in streams):
            raise ConfigError(
                'the streams look at different frames: '
                f'{", ".join(str(stream.geometry) for stream in streams)}'
            )
        super().__init__(first.geometry, first.batch_size, all(each.frozen for each in streams))
        self.streams: Any = nn.ModuleList(streams)
        self.in_channels = sum(stream.in_channels for stream in streams)
        self.train(self.training)

    def describe_clips(self, clips: Tensor) -> Tensor:
        """Features ``(n, sum of C)`` float32 of clips ``(n, L, in_channels, H, W)``."""
        parts = clips.split([stream.in_channels for stream in self.streams], dim=2)
        return torch.cat(
            [stream.describe_clips(part) for stream, part in zip(self.streams, parts)], dim=1
        )


def build_clip_backbone(cfg: dict) -> ClipBackbone:
    """Build a :class:`ClipBackbone`, from its config or from a recognizer's or backbone's."""
    if cfg.get('type', 'ClipBackbone') in ('ClipBackbone', ClipBackbone):
        return MODELS.build({**cfg, 'type': 'ClipBackbone'})
    return ClipBackbone(cfg)
