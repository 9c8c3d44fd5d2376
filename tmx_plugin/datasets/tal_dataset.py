# SPDX-License-Identifier: Apache-2.0
"""Temporal action localization on pre-computed features."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np
import torch
from mmaction.registry import DATASETS, TRANSFORMS
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from ..errors import ConfigError, DataError, MissingFileError
from ..structures.video_time import VideoTime
from ..utils.names import either
from ..utils.text_files import read_lines
from .annotation_files import IGNORED_LABELS, VideoAnnotation, match_subsets, resolve_classes
from .checks.findings import report_findings
from .feature_io import read_features
from .feature_spec import FeatureSpec, check_choice
from .feature_values import ValueCheck
from .inspection import inspect
from .released_classes import released_classes


@DATASETS.register_module()
class TALDataset(BaseDataset):
    """Untrimmed videos as features, with the segments of the actions in them.

    Annotations are ActivityNet-style json (:mod:`.annotation_files`), features one file a video and
    folder, ``<prefix>VIDEO<suffix>``. Everything that can be checked without reading the features
    is checked when the dataset is built, so that training does not start on wrong data.

    In training, videos without ground truth are left out, in testing they stay.

    Args:
        ann_file (str): Annotation json.
        subset (str | Sequence[str]): Subset(s) to use; 'train' and 'Training' are one.
        feature_stride (float): Video frames from one feature to the next, in the file.
        offset_frames (float): Frame at the centre of the first feature's clip, that is half the
            clip's length.
        fps (float, optional): Frames a second of every video. By default the number of frames
            over the duration of each video, or the ``fps`` of the annotation file.
        class_file (str, optional): Text file, one class name a line, in the order of the labels.
            By default ``metainfo['classes']``, or else the sorted labels of the annotation file.
        data_prefix (dict[str, str]): Feature folder(s). Several are concatenated in this order.
        feature_prefix (str | dict[str, str]): What file names have before the video's name; a
            dict gives it for each key of ``data_prefix``.
        feature_suffix (str | dict[str, str]): What they have after it, with the extension.
        layout (str): ``'tc'`` where files hold (T, C), ``'ct'`` where they hold (C, T).
        channels (tuple[int, int], optional): Use channels ``lo:hi`` of the concatenation only.
        sample_stride (int): Use every n-th feature.
        block_list (str | Sequence[str]): Videos to leave out, or a text file of their names.
        missing (str): What to do where a feature file is not there: ``'error'``, or ``'skip'``,
            which leaves the video out and lists it in the log.
        filter_gt (bool): In training, drop segments that end in the frame they start in, or
            before.
        features (str): What to do about NaN, infinity and magnitudes from 1e20 on in features:
            ``'raise'``, or ``'zero'``, which takes 0 instead and says so in the log.
        cache (str): ``'none'``, or ``'ram'`` to read all features when the dataset is built.
        pipeline (Sequence[dict | Callable]): Transforms of a video; they get what
            :meth:`prepare_data` describes.
        **kwargs: ``data_root``, ``metainfo``, ``test_mode``, ``indices`` ... of
            :class:`mmengine.dataset.BaseDataset`.

    Raises:
        MissingFileError: A file is not there; the message says what to put where.
        DataError: A file is not as described above.

    Example:
        >>> dataset = TALDataset(
        ...     ann_file='annotations.json', subset='training', feature_stride=4, offset_frames=8,
        ...     fps=25, pipeline=[], lazy_init=True)
        >>> dataset.feature_stride
        4
    """

    METAINFO = dict(dataset_type='tal')
    #: Name among :mod:`.released_classes` of the classes that released models know.
    released_classes = ''
    #: What to download or run, and where to put it; part of the message when files are missing.
    HINT = (
        'tools/data/convert_annotations.py makes it from other formats; '
        'tools/data/make_synthetic.py data/synthetic writes a small data set to try.'
    )

    def __init__(
        self,
        *,
        ann_file: str,
        subset: Union[str, Sequence[str]],
        feature_stride: float,
        offset_frames: float = 0,
        fps: Optional[float] = None,
        class_file: Optional[str] = None,
        data_prefix: Optional[dict] = None,
        feature_prefix: Union[str, dict] = '',
        feature_suffix: Union[str, dict] = '.npy',
        layout: str = 'tc',
        channels: Optional[Sequence[int]] = None,
        sample_stride: int = 1,
        block_list: Union[str, Sequence[str]] = (),
        missing: str = 'error',
        filter_gt: bool = False,
        features: str = 'raise',
        cache: str = 'none',
        pipeline: Sequence = (),
        **kwargs,
    ) -> None:
        _check_files(missing, cache, data_prefix, feature_prefix, feature_suffix)
        self.spec = FeatureSpec(
            feature_stride, offset_frames, fps, layout, channels, sample_stride, features
        )
        self.__dict__.update(vars(self.spec))  # each is an attribute of the data set as well
        self.subset = (subset,) if isinstance(subset, str) else tuple(subset)
        self.class_file = class_file
        self.feature_prefix = feature_prefix
        self.feature_suffix = feature_suffix
        self.block_list = block_list
        self.missing = missing
        self.filter_gt = filter_gt
        self.cache = cache
        self._cached: dict[str, np.ndarray] = {}
        self.value_check = ValueCheck(features)
        # (seed, epoch) once set; in shared memory, for worker processes that outlive an epoch.
        self._draw_state = torch.full((2,), -1, dtype=torch.int64).share_memory_()
        super().__init__(
            ann_file=ann_file,
            data_prefix=data_prefix or dict(feats='features'),
            pipeline=build_transforms(pipeline),
            **kwargs,
        )

    # ---------------------------------------------------------------- start-up

    def _join_prefix(self) -> None:
        super()._join_prefix()
        self.class_file = self._join_root(self.class_file)
        if isinstance(self.block_list, str):
            self.block_list = self._join_root(self.block_list) or ''

    def _join_root(self, path: Optional[str]) -> Optional[str]:
        return path and os.path.join(self.data_root or '', path)

    def full_init(self) -> None:
        """Read annotations, check that features are there, and fill the cache if asked to."""
        if self._fully_initialized:
            return
        super().full_init()
        if self.cache == 'ram':
            paths = [p for i in range(len(self)) for p in self.get_data_info(i)['feature_paths']]
            print_log(f'Reading {len(paths)} feature files into memory', 'current')
            self._cached = {path: np.array(read_features(path, self.spec.layout)) for path in paths}

    def load_data_list(self) -> list:
        """Videos of the subset, as the dictionaries that :meth:`get_data_info` describes."""
        found = inspect(self)
        report_findings(found.findings, self.ann_file)
        self._metainfo['classes'], data_list = found.classes, found.data_list
        for i, info in enumerate(data_list):
            info['file_number'] = i * len(self.data_prefix)
        files = len(data_list) * len(self.data_prefix)
        self.value_check = ValueCheck(self.spec.features, files)
        return data_list

    @classmethod
    def class_sources(cls, settings: dict) -> tuple:
        """Class file of a config, if any, and the data set's name among the released models."""
        return settings.get('class_file'), cls.released_classes

    @classmethod
    def config_classes(cls, settings: dict, count: int) -> tuple[str, ...]:
        """Class names that a config gives without annotations.

        Args:
            settings (dict): Config of the data set.
            count (int): Classes of the model.

        Returns:
            tuple[str]: Those of ``metainfo``, else of the class file where it exists, else of the
            released models of so many classes; none where there is nothing of these.
        """
        class_file, released = cls.class_sources(settings)
        path = os.path.join(settings.get('data_root') or '', class_file or '')
        names, _ = resolve_classes(
            cls._load_metainfo(settings.get('metainfo')).get('classes'),
            path if class_file and os.path.isfile(path) else None,
        )
        return names or (released_classes(released, count) if released else ())

    def match_subset(self, available: set) -> list:
        """Names of the file's subsets to use; subclasses know further conventions."""
        return match_subsets(self.subset, available)

    def filter_data(self) -> list:
        """In training, leave out what has no ground truth."""
        if self.test_mode:
            return self.data_list
        for info in self.data_list:
            keep = self.trains_on(info)
            info.update(segments_sec=info['segments_sec'][keep], labels=info['labels'][keep])
        return [info for info in self.data_list if len(info['labels'])]

    def trains_on(self, info: dict) -> np.ndarray:
        """Which segments of a video training uses, as indices (n,)."""
        if not self.filter_gt:
            return np.arange(len(info['labels']))
        frames = VideoTime.of(info).to_frames(info['segments_sec'])
        return np.flatnonzero(frames[:, 1] > frames[:, 0])

    def read_block_list(self) -> set:
        """Names of the videos to leave out."""
        if not isinstance(self.block_list, str):
            return set(self.block_list)
        path = Path(self.block_list)
        if not path.is_file():
            raise MissingFileError(f'{path}: block list (one video a line) not found')
        return set(read_lines(path))

    def describe(self, video: VideoAnnotation, classes: Sequence[str]) -> dict:
        """What the data set knows of a video, but for its features; see :meth:`get_data_info`.

        Raises:
            DataError: Its frame rate cannot be inferred.
        """
        index = {name: i for i, name in enumerate(classes)}
        kept = [i for i, label in enumerate(video.labels) if label not in IGNORED_LABELS]
        # A rate that holds for all videos goes before what the file says of each.
        num_frames = video.num_frames if self.spec.fps is None else None
        fps = self.spec.fps or (num_frames / video.duration if num_frames else video.fps)
        if fps is None:
            raise DataError(
                f'{self.ann_file}: video {video.video_id!r}: expected "frame" or "fps" '
                'beside its duration, found neither; or give the dataset its fps'
            )
        return dict(
            video_id=video.video_id,
            feature_paths=[self._feature_path(key, video.video_id) for key in self.data_prefix],
            subset=video.subset,
            duration=video.duration,
            num_frames=num_frames,
            fps=fps,
            feature_stride=self.spec.grid_stride,
            offset_frames=self.spec.offset_frames,
            segments_sec=video.segments_sec[kept],
            labels=np.array([index[video.labels[i]] for i in kept], dtype=np.int64),
        )

    def _feature_path(self, key: str, video: str) -> str:
        prefix, suffix = (
            x[key] if isinstance(x, dict) else x for x in (self.feature_prefix, self.feature_suffix)
        )
        return os.path.join(self.data_prefix[key], f'{prefix}{video}{suffix}')

    # ---------------------------------------------------------------- samples

    def prepare_data(self, idx: int):
        """Run the pipeline on one video.

        Args:
            idx (int): Index of the video.

        Returns:
            Any: What the last transform returns; see :class:`PackTALInputs`. The first one gets
            what :meth:`.FeatureSpec.pipeline_input` returns. ``rng`` depends on the seed, the
            epoch and the video alone, so that crops differ between epochs and not with the number
            of worker processes. Without :meth:`set_epoch` it is seeded by numpy's global generator.
        """
        info = self.get_data_info(idx)
        entropy = self._draw_state.tolist()
        if entropy[1] < 0:
            entropy = np.random.randint(2**31, size=2).tolist()
        info = dict(info, rng=np.random.default_rng((*entropy, info['sample_idx'])))
        return self.pipeline(self.spec.pipeline_input(info, self._cached, self.value_check))

    def set_epoch(self, epoch: int, seed: int = 0) -> None:
        """Choose the random draws of the coming epoch, in running worker processes too."""
        if epoch < 0 or seed < 0:
            raise ConfigError(f'epoch and seed must not be negative: {epoch}, {seed}')
        self._draw_state.copy_(torch.tensor([seed, epoch]))

    def get_cat_ids(self, idx: int) -> list:
        """Labels of the segments of a video, for samplers that balance classes."""
        return self.get_data_info(idx)['labels'].tolist()

    def _copy_without_annotation(self, memo=None):
        other = super()._copy_without_annotation({} if memo is None else memo)
        other._draw_state.share_memory_()
        return other


def build_transforms(pipeline: Sequence) -> list:
    """Transforms of a pipeline, from this package's scope whatever the default scope is."""
    return [TRANSFORMS.build(x) if isinstance(x, dict) else x for x in pipeline]


def _check_files(missing, cache, data_prefix, feature_prefix, feature_suffix) -> None:
    check_choice('missing', missing, ('error', 'skip'))
    check_choice('cache', cache, ('none', 'ram'))
    for name, value in (('feature_prefix', feature_prefix), ('feature_suffix', feature_suffix)):
        if isinstance(value, dict) and set(value) != set(data_prefix or ()):
            raise ConfigError(
                f'{name} must have the keys of data_prefix, '
                f'{either(data_prefix or ())}, not {either(value)}'
            )
