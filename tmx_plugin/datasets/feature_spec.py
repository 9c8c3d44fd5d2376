# SPDX-License-Identifier: Apache-2.0
"""How the features of a data set lie in time and in their files: training, test and inference."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Optional

from mmaction.registry import DATASETS

from ..errors import ConfigError
from ..utils.names import either
from .feature_values import CHOICES, ValueCheck


@dataclass(frozen=True)
class FeatureSpec:
    """Settings of features, each with the meaning it has in :class:`.TALDataset`.

    Attributes:
        feature_stride (float): Video frames from one feature to the next, in the file.
        offset_frames (float): Frame at the centre of the first feature's clip.
        fps (float, optional): Frames a second of every video.
        layout (str): ``'tc'`` or ``'ct'``.
        channels (tuple[int, int], optional): Channels ``lo:hi`` that are used.
        sample_stride (int): Every n-th feature is used.
        features (str): What is done about values that are not finite, ``'raise'`` or ``'zero'``.

    Raises:
        ConfigError: A value is not one of these.

    Example:
        >>> FeatureSpec(4, offset_frames=8, sample_stride=2).grid_stride
        8
    """

    feature_stride: float
    offset_frames: float = 0
    fps: Optional[float] = None
    layout: str = 'tc'
    channels: Optional[Sequence[int]] = None
    sample_stride: int = 1
    features: str = 'raise'

    def __post_init__(self) -> None:
        check_choice('layout', self.layout, ('tc', 'ct'))
        check_choice('features', self.features, CHOICES)
        for name in ('feature_stride', 'sample_stride', 'fps'):
            value = getattr(self, name)
            if not (name == 'fps' and value is None) and not 0 < value < float('inf'):
                raise ConfigError(f'{name} must be positive, not {value!r}')
        if self.channels is not None:
            if len(self.channels) != 2:
                raise ConfigError(f'channels must be two numbers LOW, HIGH, not {self.channels!r}')
            object.__setattr__(self, 'channels', tuple(self.channels))

    @classmethod
    def from_config(cls, settings: Mapping[str, Any]) -> 'FeatureSpec':
        """What the config of a data set says, and where it says nothing the data set's class.

        Args:
            settings (Mapping): With the ``type`` of the data set, without wrappers.

        Raises:
            ConfigError: A value is wrong, or neither the config nor the class gives the stride.
        """
        known = {**_defaults(DATASETS.get(settings['type'])), **settings}
        if 'feature_stride' not in known:
            raise ConfigError(f'{settings["type"]}: expected a value of feature_stride, found none')
        return cls(**{f.name: known[f.name] for f in fields(cls) if f.name in known})

    @property
    def grid_stride(self) -> float:
        """Video frames from one position of the grid to the next."""
        return self.feature_stride * self.sample_stride

    @property
    def from_first_channel(self) -> bool:
        """Whether ``channels`` cuts a first part out of the features of a file."""
        return self.channels is not None and self.channels[0] == 0

    def pipeline_input(self, info: Mapping, cached: Mapping, value_check: ValueCheck) -> dict:
        """What the first transform of a pipeline gets: in training, testing and inference.

        Args:
            info (Mapping): Of the video, as from :meth:`.TALDataset.get_data_info`; in inference
                without ``segments_sec`` and ``labels``. In training with ``rng``, a random
                generator.
            cached (Mapping[str, np.ndarray]): Features (T, C) by path that are in memory already.
            value_check (ValueCheck): Looks at the values that are read.
        """
        return dict(
            info,
            feature_stride=self.grid_stride,
            offset_frames=self.offset_frames,
            layout=self.layout,
            channels=self.channels,
            sample_stride=self.sample_stride,
            feature_cache=cached,
            value_check=value_check,
        )


def check_choice(name: str, value, choices) -> None:
    """Raise a ConfigError where a setting is none of its choices."""
    if value not in choices:
        raise ConfigError(f'{name} must be {either(choices)}, not {value!r}')


def _defaults(kind) -> dict:
    """Defaults of the constructors of a class; those of its bases hold where it has none."""
    return {
        name: parameter.default
        for base in reversed(inspect.getmro(kind))
        if '__init__' in vars(base)
        for name, parameter in inspect.signature(vars(base)['__init__']).parameters.items()
        if parameter.default is not parameter.empty
    }
