# SPDX-License-Identifier: Apache-2.0
"""What the features of a model are: ``features = dict(...)`` of its config."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from ..errors import ConfigError


@dataclass(frozen=True)
class FeatureRecipe:
    """Networks, clips and rate behind features.

    Scaling, channel order, resizing and crop are those of the networks' own configs, as are the
    names of their public weight files.

    Args:
        networks (tuple[str, ...]): Recognizers of this package by name, in the order in which
            their features are concatenated.
        clip_len (int): Frames of a clip.
        stride (int): Frames between the starts of neighboring clips.
        fps (float, optional): Rate that videos are resampled to; None is their own.
        flow (str, optional): How the published features' optical flow was computed.

    Examples:
        >>> print(FeatureRecipe(('i3d_rgb', 'i3d_flow'), clip_len=16, stride=4))
        i3d_rgb + i3d_flow, 16 frames every 4 at the video's own rate
    """

    networks: tuple[str, ...]
    clip_len: int
    stride: int
    fps: Optional[float] = None
    flow: Optional[str] = None

    @classmethod
    def from_config(cls, cfg: Mapping) -> Optional['FeatureRecipe']:
        """The recipe of a config; None where it does not say one.

        Raises:
            ConfigError: If ``features`` has other keys.
        """
        features = cfg.get('features')
        if not features:
            return None
        try:
            return cls(**{**features, 'networks': tuple(features['networks'])})
        except (KeyError, TypeError) as error:
            raise ConfigError(
                'features = dict(...) of the config: expected networks, clip_len, '
                f'stride and optionally fps and flow, found {dict(features)}'
            ) from error

    @property
    def recognizer(self) -> str:
        """What side files of features call the networks."""
        return '+'.join(self.networks)

    def __str__(self) -> str:
        rate = "the video's own rate" if self.fps is None else f'{self.fps:g} frames a second'
        return f'{" + ".join(self.networks)}, {self.clip_len} frames every {self.stride} at {rate}'

    def check(self, side: Mapping, where, first_channels: bool = False) -> None:
        """Check that features were made with this recipe.

        Args:
            side (Mapping): Content of their side file.
            where (str | Path): What messages call the features.
            first_channels (bool): Whether the model takes the first channels only, so that
                features of further networks may follow.

        Raises:
            ConfigError: If the side file names other networks, clips or another rate.
        """
        if not side.get('recognizer'):
            return  # made elsewhere, or by an unnamed recognizer: not known
        found = FeatureRecipe(
            tuple(side['recognizer'].split('+')),
            side.get('clip_len', 0),
            side.get('stride', 0),
            side.get('resampled_to'),
        )
        networks = found.networks[: len(self.networks)] if first_channels else found.networks
        same = (networks, found.clip_len, found.stride) == (
            self.networks,
            self.clip_len,
            self.stride,
        )
        if not same or (self.fps is not None and side.get('fps') != self.fps):
            raise ConfigError(
                f"{where}: features of another recipe than the model's. The model "
                f'was trained on {self}; these are {found}. Change features of the '
                'config where the model was trained on these'
            )
