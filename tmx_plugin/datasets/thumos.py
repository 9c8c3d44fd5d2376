# SPDX-License-Identifier: Apache-2.0
"""THUMOS-14 and MultiTHUMOS: the same videos under two sets of labels."""

from mmaction.registry import DATASETS

from .annotation_files import canonical_subset, match_subsets
from .tal_dataset import TALDataset


@DATASETS.register_module()
class Thumos14Dataset(TALDataset):
    """THUMOS-14: 20 sports actions, 200 videos to train on, 213 to test on.

    The two parts are called ``training`` and ``validation`` here, as in most toolboxes' files;
    those that say ``Validation`` and ``Test`` (the challenge's own names) are understood.
    Times become frames by their share of the video, ``int(sec / duration * num_frames)``.

    Args:
        feature_stride (float): See :class:`TALDataset`; I3D on 16-frame clips every 4 frames.
        offset_frames (float): Half of the 16 frames.
        **kwargs: See :class:`TALDataset`.

    Example:
        >>> dataset = Thumos14Dataset(
        ...     ann_file='thumos14.json', subset='training', pipeline=[], lazy_init=True)
        >>> dataset.feature_stride, dataset.offset_frames
        (4, 8)
    """

    METAINFO = dict(dataset_type='thumos14')
    released_classes = 'thumos14'
    HINT = (
        'Put the THUMOS-14 annotations at data/thumos14/annotations/thumos14.json, the class '
        'list at data/thumos14/annotations/classes.txt and the I3D features (16-frame clips '
        'every 4 frames, 2048 channels, as published with ActionFormer and OpenTAD) at '
        'data/thumos14/features/i3d/VIDEO.npy.'
    )

    def __init__(self, *, feature_stride: float = 4, offset_frames: float = 8, **kwargs) -> None:
        super().__init__(feature_stride=feature_stride, offset_frames=offset_frames, **kwargs)

    def match_subset(self, available: set) -> list:
        """Take 'test' for the validation subset where the file has none of that name."""
        names = {canonical_subset(name) for name in available}
        if 'test' not in names:
            meaning = {'test': 'validation'}
        elif 'training' not in names:
            meaning = {'training': 'validation', 'validation': 'test'}
        else:
            meaning = {}
        wanted = [meaning.get(canonical_subset(name), name) for name in self.subset]
        return match_subsets(wanted, available)


@DATASETS.register_module()
class MultiThumosDataset(Thumos14Dataset):
    """MultiTHUMOS: 65 actions, densely labelled and overlapping, in the THUMOS-14 videos.

    Args:
        **kwargs: See :class:`Thumos14Dataset`.

    Example:
        >>> dataset = MultiThumosDataset(
        ...     ann_file='multithumos.json', subset='training', pipeline=[], lazy_init=True)
        >>> dataset.feature_stride, dataset.offset_frames
        (4, 8)
    """

    METAINFO = dict(dataset_type='multithumos')
    released_classes = 'multithumos'
    HINT = (
        'Put the MultiTHUMOS annotations at data/multithumos/annotations/multithumos.json, the '
        'class list at data/multithumos/annotations/classes.txt and the I3D features of the '
        'THUMOS-14 videos (2048 channels: rgb, then flow) at '
        'data/multithumos/features/i3d/VIDEO.npy.'
    )
