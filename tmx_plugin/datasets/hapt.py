# SPDX-License-Identifier: Apache-2.0
"""HAPT: human activities and postural transitions from a phone's inertial sensors."""

from mmaction.registry import DATASETS

from .tal_dataset import TALDataset


@DATASETS.register_module()
class HAPTDataset(TALDataset):
    """HAPT (UCI 341, "SBHAR"): 61 continuous recordings, 12 activities, split by person.

    A "frame" is one sample of the sensors, 50 a second; a feature is a window of 50 samples.

    Args:
        fps (float): Samples a second.
        feature_stride (float): Samples between windows.
        offset_frames (float): Half a window.
        **kwargs: See :class:`TALDataset`.

    Example:
        >>> dataset = HAPTDataset(
        ...     ann_file='hapt.json', subset='training', pipeline=[], lazy_init=True)
        >>> dataset.feature_stride, dataset.offset_frames
        (25, 25)
    """

    METAINFO = dict(dataset_type='hapt')
    HINT = (
        'Download "Smartphone-Based Recognition of Human Activities and Postural Transitions" '
        '(UCI Machine Learning Repository, data set 341) and run '
        'python tools/data/prepare_hapt.py THE_ZIP data/hapt.'
    )

    def __init__(
        self, *, fps: float = 50, feature_stride: float = 25, offset_frames: float = 25, **kwargs
    ) -> None:
        super().__init__(
            fps=fps, feature_stride=feature_stride, offset_frames=offset_frames, **kwargs
        )
