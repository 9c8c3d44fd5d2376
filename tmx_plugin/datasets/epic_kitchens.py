# SPDX-License-Identifier: Apache-2.0
"""EPIC-Kitchens-100."""

from typing import Optional

from mmaction.registry import DATASETS

from ..errors import ConfigError
from .tal_dataset import TALDataset

_CLASS_FILE = 'annotations/{}_classes.txt'


@DATASETS.register_module()
class EpicKitchens100Dataset(TALDataset):
    """EPIC-Kitchens-100 action detection, for verbs or for nouns.

    Every video counts as 30 frames a second, which is the rate the features were extracted at.

    Args:
        target (str): ``'verb'`` or ``'noun'``; names the default annotation and class files.
        ann_file (str, optional): Default ``annotations/epic_<target>.json``.
        class_file (str, optional): Default ``annotations/<target>_classes.txt``.
        fps (float): See :class:`TALDataset`.
        feature_stride (float): SlowFast on 32-frame clips every 16 frames.
        offset_frames (float): Half of the 32 frames.
        feature_suffix (str | dict[str, str]): The published features are ``.npz`` files.
        filter_gt (bool): Drop segments without a frame in training.
        **kwargs: See :class:`TALDataset`.

    Example:
        >>> dataset = EpicKitchens100Dataset(
        ...     target='verb', subset='training', pipeline=[], lazy_init=True)
        >>> dataset.feature_stride
        16
    """

    METAINFO = dict(dataset_type='epic_kitchens_100')
    HINT = (
        'Make data/epic_kitchens/annotations/{epic_verb.json,epic_noun.json,verb_classes.txt,'
        'noun_classes.txt} from the official csv files with '
        'tools/data/convert_annotations.py, and put the SlowFast features (32-frame clips '
        'every 16 frames at 30 fps, 2304 channels, as published with ActionFormer) at '
        'data/epic_kitchens/features/slowfast/VIDEO.npz.'
    )

    def __init__(
        self,
        *,
        target: str,
        ann_file: Optional[str] = None,
        class_file: Optional[str] = None,
        fps: float = 30,
        feature_stride: float = 16,
        offset_frames: float = 16,
        feature_suffix='.npz',
        filter_gt: bool = True,
        **kwargs,
    ) -> None:
        if target not in ('verb', 'noun'):
            raise ConfigError(f"target must be 'verb' or 'noun', not {target!r}")
        super().__init__(
            ann_file=ann_file or f'annotations/epic_{target}.json',
            class_file=class_file or _CLASS_FILE.format(target),
            fps=fps,
            feature_stride=feature_stride,
            offset_frames=offset_frames,
            feature_suffix=feature_suffix,
            filter_gt=filter_gt,
            **kwargs,
        )

    @classmethod
    def class_sources(cls, settings: dict) -> tuple:
        """Those of the target."""
        target = settings['target']
        return settings.get('class_file') or _CLASS_FILE.format(target), f'epic_{target}'
