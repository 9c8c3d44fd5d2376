# SPDX-License-Identifier: Apache-2.0
"""From file names to feature arrays."""

import numpy as np
import torch
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from torch.nn.functional import interpolate

from ...errors import DataError
from ..feature_io import read_features
from ..feature_values import ValueCheck


@TRANSFORMS.register_module()
class LoadFeatures(BaseTransform):
    """Open the feature files of a video.

    ``.npy`` files are mapped, not read, so that a later crop reads only its window. Where several
    files are given (rgb, flow), the shorter ones are linearly interpolated to the longest.

    Required keys:
        - video_id (str)
        - feature_paths (list[str])
        - layout (str, optional): ``'tc'`` (default) or ``'ct'``, see :func:`read_features`.
        - sample_stride (int, optional): Keep every n-th row; default 1.
        - channels (tuple[int, int], optional): Keep channels ``lo:hi`` of the concatenation.
        - feature_cache (dict, optional): Arrays (T, C) by path that are in memory already.
        - value_check (ValueCheck, optional): What is done about values that are not finite; by
          default they are an error.
        - file_number (int, optional): Number of the first of the files, by which the check
          remembers what it has seen.

    Added keys:
        - feats (list[np.ndarray]): One (T, C_i) array a file, all of the same T.
        - feat_len (int): T.

    Example:
        >>> results = LoadFeatures()(dict(
        ...     video_id='v', feature_paths=['rgb.npy', 'flow.npy'], sample_stride=2,
        ...     feature_cache={'rgb.npy': np.ones((9, 4)), 'flow.npy': np.ones((9, 2))}))
        >>> results['feat_len'], [feats.shape for feats in results['feats']]
        (5, [(5, 4), (5, 2)])
    """

    def transform(self, results: dict) -> dict:
        """See the class."""
        cache = results.get('feature_cache') or {}
        stride = results.get('sample_stride', 1)
        video, check = results['video_id'], results.get('value_check') or ValueCheck()
        feats = []
        for i, path in enumerate(results['feature_paths']):
            array = (
                cache[path]
                if path in cache
                else read_features(path, results.get('layout', 'tc'), video)
            )
            number = results['file_number'] + i if 'file_number' in results else None
            feats.append(check(array, path, video, number)[::stride])
        feats = match_lengths(feats)
        if results.get('channels') is not None:
            low, high = results['channels']
            feats = select_channels(
                feats,
                low,
                high,
                video=results['video_id'],
                source=', '.join(results['feature_paths']),
            )
        results['feats'] = feats
        results['feat_len'] = len(feats[0])
        return results


def match_lengths(feats: list) -> list:
    """Linearly interpolate (T_i, C_i) arrays in time to the longest T; equal ones stay as is."""
    longest = max(len(x) for x in feats)
    return [x if len(x) == longest else _resize(x, longest) for x in feats]


def _resize(feat: np.ndarray, length: int) -> np.ndarray:
    channels_first = torch.from_numpy(np.array(feat.T, dtype=np.float32))[None]  # (1, C, T)
    resized = interpolate(channels_first, size=length, mode='linear', align_corners=False)
    return resized[0].numpy().T


def select_channels(
    feats: list, low: int, high: int, video: str = '', source: str = 'features'
) -> list:
    """Channels ``low:high`` of the concatenation of (T, C_i) arrays, still as views."""
    total = sum(x.shape[1] for x in feats)
    if not 0 <= low < high <= total:
        raise DataError(
            f'{source}: video {video!r}: expected at least {high} channels to take '
            f'{low}:{high} from, found {total}'
        )
    selected, first = [], 0
    for feat in feats:
        part = feat[:, max(low - first, 0) : max(high - first, 0)]
        first += feat.shape[1]
        if part.shape[1]:
            selected.append(part)
    return selected
