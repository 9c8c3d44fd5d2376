# SPDX-License-Identifier: Apache-2.0
"""What a recognizer's test pipeline does to the picture, without what it does to time."""

from collections.abc import Sequence

import numpy as np
from mmaction.registry import TRANSFORMS
from mmengine.config import Config

from ..errors import ConfigError

# Parts of MMAction2's test pipelines that choose, read or pack frames, which the sliding
# window does itself.
_NOT_SPATIAL = ('Init', 'Decode', 'SampleFrames', 'UniformSample', 'FormatShape', 'Pack')
_MULTI_CROPS = ('ThreeCrop', 'TenCrop')


def _name(transform: dict) -> str:
    kind = transform['type']
    return kind if isinstance(kind, str) else kind.__name__


def spatial_transforms(pipeline: Sequence[dict]) -> list[dict]:
    """Resizing, cropping and the like of a test pipeline.

    Decoding, frame sampling and packing are left out. Three and ten crops, which a recognizer
    averages its scores over, become one centre crop of their size: one view a clip. Flips
    (of test time augmentation) are left out.

    Args:
        pipeline (Sequence[dict]): Transform configs of a recognizer's test pipeline.

    Returns:
        list[dict]: Transform configs for frames that are decoded already.
    """
    kept = []
    for transform in pipeline:
        name = _name(transform).split('.')[-1]
        if any(part in name for part in _NOT_SPATIAL) or name == 'Flip':
            continue
        if name in _MULTI_CROPS:
            transform = dict(type='CenterCrop', crop_size=transform['crop_size'])
        kept.append(dict(transform))
    return kept


def test_pipeline_of(cfg: Config) -> Sequence[dict]:
    """The test (else validation) pipeline of a recognizer's config.

    Raises:
        ConfigError: If the config has none.
    """
    for loader in ('test_dataloader', 'val_dataloader'):
        pipeline = (cfg.get(loader) or {}).get('dataset', {}).get('pipeline')
        if pipeline:
            return pipeline
    for name in ('test_pipeline', 'val_pipeline'):
        if cfg.get(name):
            return cfg[name]
    raise ConfigError(
        f'{cfg.filename or "the config"}: has neither test_dataloader nor '
        'test_pipeline, so how to resize frames is unknown'
    )


class FramePipeline:
    """Resizes and crops decoded frames as a recognizer's test pipeline does.

    Args:
        transforms (Sequence[dict]): From :func:`spatial_transforms`.
    """

    def __init__(self, transforms: Sequence[dict]) -> None:
        self.transforms = [TRANSFORMS.build(transform) for transform in transforms]

    @classmethod
    def from_config(cls, cfg: Config) -> 'FramePipeline':
        """The spatial part of the test pipeline of a recognizer's config."""
        return cls(spatial_transforms(test_pipeline_of(cfg)))

    def split_at_crop(self) -> tuple['FramePipeline', 'FramePipeline']:
        """What comes before the first crop, and the rest."""
        names = [type(transform).__name__ for transform in self.transforms]
        at = next((i for i, name in enumerate(names) if 'Crop' in name), len(names))
        before, after = FramePipeline([]), FramePipeline([])
        before.transforms, after.transforms = self.transforms[:at], self.transforms[at:]
        return before, after

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Args: frames ``(f, H, W, C)`` uint8. Returns: ``(f, h, w, C)`` uint8.

        Raises:
            ConfigError: If a crop is larger than the frames.
        """
        results = dict(
            imgs=list(frames),
            original_shape=frames.shape[1:3],
            img_shape=frames.shape[1:3],
            modality='RGB',
            num_clips=1,
            clip_len=len(frames),
        )
        for transform in self.transforms:
            results = transform(results)
            found = results['imgs'][0].shape[:2]
            if tuple(found) != tuple(results['img_shape']):
                raise ConfigError(
                    f'{transform}: gives frames of {found} where {results["img_shape"]} is '
                    f'expected, from frames of {frames.shape[1:3]}: is the crop too large?'
                )
        return np.stack(results['imgs'])
