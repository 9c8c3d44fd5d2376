# SPDX-License-Identifier: Apache-2.0
"""What is legal but costs accuracy: implausible offsets, channels of many scales, long videos."""

from typing import Optional

import numpy as np

from ..datasets.checks.findings import Finding
from ..datasets.feature_io import read_features
from ..datasets.transforms.loading import match_lengths, select_channels
from ..datasets.transforms.standardize import channel_statistics

#: Videos whose values tell the scales of the channels.
SAMPLED_VIDEOS = 20
#: Largest over median standard deviation of a channel that needs no standardizing.
SCALE_RATIO = 10.0
#: Median length over window beyond which training sees little of a video at once.
LENGTH_RATIO = 2.0
_CLIPS = (1, 8, 16, 32, 64)


def offset_findings(data_list: list, lengths: dict, sample_stride: int = 1) -> list:
    """Warn of an ``offset_frames`` that the lengths of the features speak against.

    T clips cover about ``(T - 1) * feature_stride + 2 * offset_frames`` frames. An offset from
    which the clips would reach far beyond the video is wrong.

    Args:
        data_list (list[dict]): Videos, see ``TALDataset.get_data_info``.
        lengths (dict[str, int]): T by video.
        sample_stride (int): Every how many-th feature is used.

    Returns:
        list[Finding]: One warning, or none.
    """
    known = [info for info in data_list if lengths.get(info['video_id'])]
    if not known or sample_stride != 1:
        return []
    stride, offset = known[0]['feature_stride'], known[0]['offset_frames']
    left = [
        info['duration'] * info['fps'] - (lengths[info['video_id']] - 1) * stride for info in known
    ]
    fitting = max(float(np.median(left)) - stride / 2, 0) / 2
    if offset - fitting <= max(2 * stride, 4):
        return []
    near = min(_CLIPS, key=lambda clip: abs(clip / 2 - fitting)) / 2
    return [
        Finding(
            'warning',
            'offset',
            f'offset_frames={offset:g} puts the last features behind the ends of '
            f'the videos; the lengths fit an offset of about {fitting:.1f}. It is half the clip '
            f'that the extractor looks at: {near:g} for clips of {2 * near:g} frames, 0.5 for '
            'features of single frames',
        )
    ]


def scale_findings(std: np.ndarray) -> list:
    """Advise to standardize where channels have very different standard deviations.

    Args:
        std (np.ndarray): (C,) standard deviations.

    Returns:
        list[Finding]: One warning, or none.
    """
    varying = std[std > 0]
    if not len(varying) or varying.max() <= SCALE_RATIO * np.median(varying):
        return []
    return [
        Finding(
            'warning',
            'scale',
            f'channels have standard deviations from {varying.min():.3g} to '
            f'{varying.max():.3g} (median {np.median(varying):.3g}): large channels drown small '
            'ones. Run tools/data/fit_standardize.py CONFIG and add StandardizeFeatures to the '
            'pipelines',
        )
    ]


def window_findings(lengths: dict, max_seq_len: Optional[int], group_norm: bool = False) -> list:
    """Advise where videos are much longer than the windows that training sees.

    Args:
        lengths (dict[str, int]): T by video.
        max_seq_len (int, optional): Length of the windows; None where there are none.
        group_norm (bool): Whether the levels have norms with statistics over time.

    Returns:
        list[Finding]: One warning, or none.
    """
    if not lengths or not max_seq_len:
        return []
    median = float(np.median(list(lengths.values())))
    if median <= LENGTH_RATIO * max_seq_len:
        return []
    stride = int(np.ceil(median / max_seq_len))
    return [
        Finding(
            'warning',
            'length',
            f'videos have {median:.0f} features in the median, training sees '
            f'windows of {max_seq_len} (max_seq_len): use every {stride}th (sample_stride={stride})'
            ' or a larger feature_stride'
            + (
                '; the level norms (GroupNorm) take their statistics over whole videos in '
                "testing and over windows in training, norm_cfg=dict(type='LN', eps=1e-6) does not"
                if group_norm
                else ''
            ),
        )
    ]


def sampled_scales(data_list: list, layout: str = 'tc', channels=None) -> Optional[np.ndarray]:
    """Standard deviation of each channel over a sample of the videos, None where there is none.

    Args:
        data_list (list[dict]): Videos whose features can be read.
        layout (str): See :func:`read_features`.
        channels (tuple[int, int], optional): Channels in use.
    """
    picked = data_list[:: max(len(data_list) // SAMPLED_VIDEOS, 1)][:SAMPLED_VIDEOS]
    if not picked:
        return None

    def arrays():
        for info in picked:
            feats = match_lengths(
                [read_features(path, layout, info['video_id']) for path in info['feature_paths']]
            )
            if channels is not None:
                feats = select_channels(feats, *channels, video=info['video_id'])
            yield np.concatenate(feats, axis=1)

    with np.errstate(all='ignore'):  # values that are not finite have findings of their own
        return channel_statistics(arrays())[1]
