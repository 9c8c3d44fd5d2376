# SPDX-License-Identifier: Apache-2.0
"""Clip features of whole videos with a recognizer given by its config and checkpoint."""

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Callable, Optional, Union

import numpy as np
import torch
from mmengine.config import Config

from ..errors import ConfigError, DataError, MissingFileError, MissingPackageError
from ..models.backbones.clip_backbone import (
    ClipBackbone,
    MultiStreamBackbone,
    SlidingBackbone,
)
from ..models.backbones.weights import file_hash
from ..models.checkpoint_file import local_checkpoint
from ..utils.config_files import read_config_file
from ..utils.package_files import recognizer_configs
from .frame_pipeline import FramePipeline, spatial_transforms, test_pipeline_of
from .frame_streams import FrameStreams
from .video import VideoFrames


def load_recognizer_config(config: Union[str, Path, Config]) -> Config:
    """A recognizer's config.

    Args:
        config (str | Path | Config): A file, ``mmaction::recognition/...``, a bare name among
            the recognizers of this package such as ``'i3d_rgb'``, or a config already.

    Raises:
        MissingFileError: If there is no such file.
        ConfigError: If it does not describe a recognizer.
    """
    if not isinstance(config, Config):
        config = read_config_file(_config_file(str(config)))
    if 'backbone' not in config.get('model', {}):
        raise ConfigError(
            f'{config.filename}: expected a recognizer, i.e. a config whose model has a backbone'
        )
    return config


def _config_file(name: str) -> str:
    """Path of a config file; ``package::NAME`` is looked up among those a package brings.

    MMEngine's own look-up of such names needs ``pkg_resources``, which setuptools dropped.
    """
    package, scoped, inner = name.partition('::')
    path = Path(name)
    own = recognizer_configs()
    if name in own and not path.is_file():
        return str(own[name])
    if scoped:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise MissingPackageError(f'{name}: the package {package} is not installed')
        path = Path(spec.origin).with_name('.mim') / 'configs' / inner
        path = path.with_name(path.name.removesuffix('.py') + '.py')
    if not path.is_file():
        raise MissingFileError(
            f'{name}: there is no config file {path}; those that MMAction2 '
            'brings are named like mmaction::recognition/tsn/NAME.py, those '
            f'of this package {", ".join(own)}'
        )
    return str(path)


def build_streams(
    cfgs: Sequence[Config], checkpoints: Sequence[Optional[str]], **clips
) -> SlidingBackbone:
    """The clip backbones of recognizers, with their weights; side by side where there are several.

    Args:
        cfgs (Sequence[Config]): From :func:`load_recognizer_config`.
        checkpoints (Sequence[str | None]): Their weights; None leaves them random.
        **clips: Arguments of :class:`ClipBackbone`.

    Raises:
        CheckpointMismatchError: If weights are not those of their recognizer.
    """
    backbones = [
        ClipBackbone(cfg.model, checkpoint=checkpoint, **clips)
        for cfg, checkpoint in zip(cfgs, checkpoints)
    ]
    for backbone in backbones:
        if backbone.checkpoint is not None:
            backbone.load_checkpoint()
    return backbones[0] if len(backbones) == 1 else MultiStreamBackbone(backbones)


class FeatureExtractor:
    """Turns videos into clip features.

    Args:
        backbone (ClipBackbone | MultiStreamBackbone): What looks at the clips.
        pipeline (FramePipeline): What resizes and crops the frames for it.
        flow (optional): Source of optical flow, from :func:`~tmx_plugin.features.flow.open_flow`;
            for networks that take flow.
        fps (float, optional): Resample videos to this frame rate first.
        recognizer (str, optional): Name of the recognizer, for the record.
        checkpoint_hash (str, optional): SHA-256 of its weights, for the record.

    Raises:
        ConfigError: If ``fps`` is not positive, or there is flow for a network that takes none,
            or none for one that does.

    Examples:
        >>> extractor = FeatureExtractor.from_config(
        ...     'mmaction::recognition/tsn/'
        ...     'tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb.py',
        ...     'tsn.pth', clip_len=16, stride=4)  # doctest: +SKIP
        >>> features, info = extractor('video.mp4')  # doctest: +SKIP
    """

    def __init__(
        self,
        backbone: SlidingBackbone,
        pipeline: FramePipeline,
        *,
        flow=None,
        fps: Optional[float] = None,
        recognizer: Optional[str] = None,
        checkpoint_hash: Optional[str] = None,
    ) -> None:
        if fps is not None and not fps > 0:
            raise ConfigError(f'fps must be positive, but is {fps}')
        self.backbone = backbone
        streams = getattr(backbone, 'streams', [backbone])
        self.streams = FrameStreams(pipeline, [each.in_channels for each in streams], flow)
        self.fps = fps
        geometry = backbone.geometry
        self.settings = dict(
            stride=geometry.stride,
            clip_len=geometry.clip_len,
            offset_frames=geometry.offset_frames,
            frames_per_clip=len(geometry.picks),
            resampled_to=fps,
            recognizer=recognizer,
            checkpoint_hash=checkpoint_hash,
        )
        if flow is not None:
            self.settings['flow'] = flow.name

    @classmethod
    def from_config(
        cls, config: Union[str, Path, Config], checkpoint: Optional[str] = None, **kwargs
    ) -> 'FeatureExtractor':
        """Make one from a recognizer's config, see :meth:`from_configs`."""
        return cls.from_configs([config], [checkpoint], **kwargs)

    @classmethod
    def from_configs(
        cls,
        configs: Sequence[Union[str, Path, Config]],
        checkpoints: Optional[Sequence[Optional[str]]] = None,
        *,
        flow=None,
        fps: Optional[float] = None,
        device: str = 'cpu',
        cfg_options: Optional[dict] = None,
        **clips,
    ) -> 'FeatureExtractor':
        """Make one from the configs of recognizers, whose features are concatenated.

        Args:
            configs (Sequence[str | Path | Config]): Configs of MMAction2 recognizers: files,
                ``'mmaction::recognition/slowonly/NAME.py'``, or names of this package's.
            checkpoints (Sequence[str], optional): Their weights, files or URLs; None leaves them
                random, which is of use for tests only.
            flow (optional): See the class.
            fps (float, optional): Resample videos to this frame rate first.
            device (str): Torch device.
            cfg_options (dict, optional): Overrides of each config.
            **clips: ``clip_len``, ``stride``, ``frames_per_clip`` and ``batch_size`` of
                :class:`ClipBackbone`.

        Raises:
            ConfigError: If the recognizers resize or crop frames in different ways.
            CheckpointMismatchError: If weights are not those of their recognizer.
        """
        cfgs = [load_recognizer_config(config) for config in configs]
        for cfg in cfgs:
            cfg.merge_from_dict(cfg_options or {})
        transforms = [spatial_transforms(test_pipeline_of(cfg)) for cfg in cfgs]
        if any(each != transforms[0] for each in transforms):
            raise ConfigError(
                'the recognizers resize or crop frames in different ways: '
                + '; '.join(map(str, transforms))
            )
        checkpoints = checkpoints or [None] * len(cfgs)
        backbone = build_streams(cfgs, checkpoints, **clips)
        names = [Path(cfg.filename).stem for cfg in cfgs if cfg.filename]
        hashes = [file_hash(local_checkpoint(each)) for each in checkpoints if each]
        return cls(
            backbone.to(device),
            FramePipeline(transforms[0]),
            flow=flow,
            fps=fps,
            recognizer='+'.join(names) or None,
            checkpoint_hash='+'.join(hashes) or None,
        )

    def open(self, video: str) -> VideoFrames:
        """The video's frames, at the frame rate asked for."""
        return VideoFrames(video, fps=self.fps)

    @torch.no_grad()
    def __call__(
        self, video: Union[str, VideoFrames], on_frames: Optional[Callable[[int], None]] = None
    ) -> tuple[np.ndarray, dict]:
        """Features of one video.

        Args:
            video (str | VideoFrames): The file, or what :meth:`open` returned for it.
            on_frames (Callable, optional): Called with the number of frames just decoded.

        Returns:
            tuple: ``(T, C)`` float32 features, and what describes them: ``fps``, ``frames``
            and ``duration`` (seconds) of the video as it was read, ``source_fps``,
            ``source_frames``, ``video`` (file name), ``length`` T, ``channels`` C, and
            :attr:`settings`.

        Raises:
            DataError: If the video cannot be read to its end.
        """
        frames = video if isinstance(video, VideoFrames) else self.open(video)
        features, done = None, 0
        for part in self.backbone.stream(self._chunks(frames, on_frames)):
            if features is None:
                count = self.backbone.geometry.num_clips(len(frames))
                features = np.empty((count, part.shape[1]), dtype=np.float32)
            features[done : done + len(part)] = part.cpu().numpy()
            done += len(part)
        if features is None:
            raise DataError(f'{frames.path}: expected a video with frames, found none')
        info = dict(
            video=Path(frames.path).name,
            fps=frames.fps,
            frames=len(frames),
            duration=frames.duration,
            source_fps=frames.source_fps,
            source_frames=frames.source_frames,
            length=len(features),
            channels=features.shape[1],
            **self.settings,
        )
        return features, info

    def _chunks(self, frames: VideoFrames, on_frames) -> Iterator[torch.Tensor]:
        for chunk in self.streams.chunks(frames):
            yield torch.from_numpy(chunk).permute(0, 3, 1, 2)
            if on_frames is not None:
                on_frames(len(chunk))
