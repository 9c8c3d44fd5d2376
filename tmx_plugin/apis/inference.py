# SPDX-License-Identifier: Apache-2.0
"""Segments of one video whose features are at hand."""

from typing import Union

import numpy as np
import torch
from mmaction.structures import ActionDataSample
from mmengine.model import BaseModel

from ..errors import DataError


def inference_localizer(
    model: BaseModel,
    features: Union[np.ndarray, torch.Tensor],
    *,
    feature_stride: float,
    offset_frames: float,
    fps: float,
    duration: float,
    video_id: str = '',
) -> ActionDataSample:
    """Localize the actions of one video.

    Args:
        model (BaseModel): From :func:`init_localizer`.
        features (np.ndarray | Tensor): ``(T, C)``; feature i is that of the clip centred at frame
            ``i * feature_stride + offset_frames``.
        feature_stride (float): Frames between features.
        offset_frames (float): Half a clip, in frames.
        fps (float): Frames a second of the video.
        duration (float): Seconds.
        video_id (str): Its name.

    Returns:
        ActionDataSample: With ``pred_instances``: ``segments`` (M, 2) in seconds, ``scores`` and
        ``labels`` (M,), best first.

    Example:
        >>> model = init_localizer('thumos_i3d.py', 'thumos.pth')  # doctest: +SKIP
        >>> found = inference_localizer(
        ...     model, np.load('video.npy'), feature_stride=4, offset_frames=8, fps=30,
        ...     duration=62.5).pred_instances  # doctest: +SKIP
    """
    features = torch.as_tensor(features, dtype=torch.float32)
    if features.ndim != 2:
        raise DataError(
            f'{video_id or "the video"}: expected features (T, C), found shape '
            f'{tuple(features.shape)}'
        )
    sample = ActionDataSample(
        metainfo=dict(
            video_id=video_id,
            duration=duration,
            fps=fps,
            feature_stride=feature_stride,
            offset_frames=offset_frames,
            feat_len=len(features),
        )
    )
    with torch.no_grad():
        return model.test_step(dict(inputs=[features], data_samples=[sample]))[0]
