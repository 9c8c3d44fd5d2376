# SPDX-License-Identifier: Apache-2.0
"""From a video or a feature file to what a localizer takes, as its config says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from mmengine.config import Config
from mmengine.dataset import Compose

from ..datasets.feature_io import read_features
from ..datasets.feature_spec import FeatureSpec
from ..datasets.feature_values import ValueCheck
from ..datasets.inspection import unwrap
from ..datasets.side_file import check_side_files
from ..datasets.tal_dataset import build_transforms
from ..errors import ConfigError, DataError, MissingFileError
from ..features.extractor import FeatureExtractor
from ..features.flow import open_flow
from ..features.frame_pipeline import FramePipeline
from ..features.recipe import FeatureRecipe
from ..features.storage import VIDEO_SUFFIXES, read_side_file
from ..models.backbones.clip_backbone import ClipBackbone
from ..structures.video_time import VideoTime
from .extractors import describe_weights, recipe_extractor


class VideoInputs:
    """Makes a model's input of the file of one video or of its features.

    Args:
        cfg (Config): Config of the localizer. Its test data set says which frames the features
            stand for (``feature_stride``, ``offset_frames``, ``fps``) and how files are read.
        fps (float, optional): Frames a second of the videos whose features have no side file.
        device (str): Where the recognizer runs.

    Raises:
        TmxError: If ``fps`` is not positive.
    """

    def __init__(self, cfg: Config, fps: Optional[float] = None, device: str = 'cpu') -> None:
        if fps is not None and not fps > 0:
            raise ConfigError(f'fps must be positive, but is {fps}')
        self.dataset = next(unwrap(cfg.test_dataloader.dataset))  # its config: nothing is built
        self.spec = FeatureSpec.from_config(self.dataset)
        steps = self.dataset.get('pipeline') or [
            dict(type='LoadFeatures'),
            dict(type='PackTALInputs'),
        ]
        self.pipeline = Compose(build_transforms(steps))
        self.cfg = cfg
        self.device = device
        self.fps = fps or self.spec.fps
        self.recipe = FeatureRecipe.from_config(cfg)
        self.extractor: Optional[FeatureExtractor] = None

    def use_recognizer(
        self,
        config,
        checkpoint: Optional[str] = None,
        flow: Optional[str] = None,
        flow_weights: Optional[str] = None,
        batch_size: int = 8,
    ) -> None:
        """Take videos, through the recognizer the model's features were made with.

        Args:
            config (str | Path | Config): Its config, see :class:`FeatureExtractor`.
            checkpoint (str, optional): Its weights.
            flow (str, optional): How optical flow is computed, where the recognizer takes it, see
                :func:`~tmx_plugin.features.flow.open_flow`.
            flow_weights (str, optional): Weights of RAFT.
            batch_size (int): Clips at once.

        Raises:
            ConfigError: If the config says that its features are another recognizer's.
        """
        self.extractor = FeatureExtractor.from_config(
            config,
            checkpoint,
            flow=flow and open_flow(flow, flow_weights, self.device),
            fps=self.fps,
            device=self.device,
            batch_size=batch_size,
            **self._clips(),
        )
        self._check_recipe(dict(self.extractor.settings, fps=self.fps), f'recognizer {config}')

    def use_recipe(
        self,
        weights: Sequence[str],
        flow: Optional[str] = None,
        flow_weights: Optional[str] = None,
        batch_size: int = 8,
    ) -> None:
        """Take videos, through the networks that ``features`` of the config names.

        Args:
            weights (Sequence[str]): Their weights, in the order of the networks.
            flow (str, optional): How optical flow is computed, or the folder of its images, see
                :func:`~tmx_plugin.features.flow.open_flow`. Default: as the recipe says, or DIS
                where that is not available.
            flow_weights (str, optional): Weights of RAFT.
            batch_size (int): Clips at once.

        Raises:
            ConfigError: If the config names no networks, or their number is not that of the
                weights.
        """
        if self.recipe is None:
            raise ConfigError(
                'the config does not say which networks make its features '
                '(features = dict(...)); give a recognizer instead'
            )
        self.extractor = recipe_extractor(
            self.recipe,
            weights,
            flow=flow,
            flow_weights=flow_weights,
            fps=self.recipe.fps or self.fps,
            device=self.device,
            batch_size=batch_size,
        )

    def _check_recipe(self, side: dict, where) -> None:
        if self.recipe is not None:
            self.recipe.check(side, where, first_channels=self.spec.from_first_channel)

    def use_backbone(self, backbone: ClipBackbone) -> None:
        """Take videos, through the backbone that is part of the model.

        ``frame_pipeline`` of the config is what resizes and crops the frames for it.

        Raises:
            TmxError: If its clips are not those of the config's data set.
        """
        geometry = backbone.geometry
        if dict(clip_len=geometry.clip_len, stride=geometry.stride) != self._clips():
            raise ConfigError(
                f'the backbone of the model looks at clips of {geometry.clip_len} frames every '
                f'{geometry.stride}, but the data set of the config says {self._clips()}'
            )
        self.extractor = FeatureExtractor(
            backbone, FramePipeline(self.cfg.get('frame_pipeline') or []), fps=self.fps
        )

    def _clips(self) -> dict:
        return dict(
            clip_len=round(2 * self.spec.offset_frames), stride=round(self.spec.feature_stride)
        )

    def __call__(self, source: tuple) -> dict:
        """Read one input.

        Args:
            source (tuple[str, Path]): Name and path of a video or a feature file.

        Returns:
            dict: ``inputs`` (T, C) and ``data_samples``, as from the data set's pipeline; the
            sample's ``source`` is the path.

        Raises:
            MissingFileError: If there is no such file.
            TmxError: If the input does not fit the config, or lacks what has to be known.
        """
        name, path = source
        if not path.is_file():
            kind = ' (it is no regular file)' if path.exists() else ''
            raise MissingFileError(f'{path}: no such file{kind}')
        features, fps, duration = (
            self._from_video(path)
            if path.suffix.lower() in VIDEO_SUFFIXES
            else self._from_features(name, path)
        )
        data = self.pipeline(
            self.spec.pipeline_input(
                dict(video_id=name, feature_paths=[str(path)], fps=fps, duration=duration),
                {str(path): features},
                ValueCheck(self.spec.features),
            )
        )
        expected, found = self.cfg.model.neck.in_channels, data['inputs'].shape[1]
        if found != expected:
            raise DataError(
                f'{path}: the model takes features of {expected} channels '
                f'(neck.in_channels), these have {found}'
            )
        data['data_samples'].set_metainfo(dict(source=str(path)))
        return data

    def _from_video(self, path: Path) -> tuple:
        """Features (T, C), frames a second and seconds of a video."""
        if self.extractor is None:
            wanted = ''
            if self.recipe is not None:
                weights = describe_weights(self.recipe.networks)
                wanted = f' ({self.recipe}); as its weights give\n{weights}'
            raise ConfigError(
                f'{path}: a video needs the recognizer that makes its features; this '
                f'model takes extracted features{wanted}'
            )
        features, info = self.extractor(str(path))
        return features, info['fps'], info['duration']

    def _from_features(self, name: str, path: Path) -> tuple:
        side = read_side_file(path) or {}
        fps = side.get('fps') or self.fps
        if fps is None:
            raise DataError(
                f'{path}: has no side file {path.stem}.json that tells the frame rate '
                'of the video; give fps'
            )
        self._check_recipe(side, path)
        if side:
            check_side_files(
                dict(video_id=name, feature_paths=[str(path)], fps=self.fps or fps),
                feature_stride=self.spec.feature_stride,
                offset_frames=self.spec.offset_frames,
            )
        features = read_features(path, self.spec.layout, name)
        # Without a side file the video is taken to end with the last clip.
        clips_end = VideoTime(self.spec.feature_stride, self.spec.offset_frames, fps).extent(
            len(features)
        )
        return features, fps, side.get('duration', clips_end)
