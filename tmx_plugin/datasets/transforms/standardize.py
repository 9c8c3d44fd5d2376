# SPDX-License-Identifier: Apache-2.0
"""Features of channels with different scales, brought to mean 0 and standard deviation 1."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from ...errors import DataError, FormatError
from ...utils.text_files import is_finite, read_json


@TRANSFORMS.register_module()
class StandardizeFeatures(BaseTransform):
    """Subtract the mean of each channel and divide by its standard deviation.

    Mean and standard deviation are those of the training videos;
    ``tools/data/fit_standardize.py`` writes them. Put the transform before ``PackTALInputs``, so
    that only the window of a video is read.

    Required and changed keys:
        - feats (list[np.ndarray]): (T, C_i) arrays; float32 afterwards.
        - video_id (str)

    Args:
        stats (str): Json with ``mean`` and ``std``, lists of C numbers.

    Raises:
        MissingFileError: There is no such file.
        FormatError: The file is not as described.
        DataError: The features have another number of channels.

    Example:
        >>> pipeline = [dict(type='LoadFeatures'), dict(type='SegmentsToGrid'),
        ...             dict(type='StandardizeFeatures', stats='data/mine/channel_statistics.json'),
        ...             dict(type='PackTALInputs')]
    """

    def __init__(self, stats: str) -> None:
        self.stats = stats
        self.mean, self.std = read_statistics(stats)

    def transform(self, results: dict) -> dict:
        """See the class."""
        feats = results['feats']
        total = sum(feat.shape[1] for feat in feats)
        if total != len(self.mean):
            raise DataError(
                f'video {results["video_id"]!r}: expected features of the '
                f'{len(self.mean)} channels of {self.stats}, found {total}'
            )
        first, scaled = 0, []
        for feat in feats:
            part = slice(first, first + feat.shape[1])
            scaled.append((np.asarray(feat, np.float32) - self.mean[part]) / self.std[part])
            first = part.stop
        results['feats'] = scaled
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(stats={self.stats!r})'


def read_statistics(path) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (C,) float32 of a statistics file; a deviation of 0 becomes 1.

    Raises:
        MissingFileError: There is no such file.
        FormatError: If it is not ``{"mean": [C numbers], "std": [C numbers]}``.
    """
    content = read_json(path)
    lists: list = [content.get(x) if isinstance(content, dict) else None for x in ('mean', 'std')]
    good = all(
        isinstance(values, list) and values and all(map(is_finite, values)) for values in lists
    )
    if not good or len(lists[0]) != len(lists[1]) or min(lists[1]) < 0:
        raise FormatError(
            path,
            '"mean" and "std", lists of one finite number a channel, made by '
            'tools/data/fit_standardize.py',
            repr(content)[:80],
        )
    mean, std = (np.array(values, np.float32) for values in lists)
    return mean, np.where(std > 0, std, np.float32(1))


def channel_statistics(arrays: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray, int]:
    """Mean and standard deviation of each channel over all positions of all videos.

    Args:
        arrays (Iterable[np.ndarray]): (T, C) features of each video.

    Returns:
        tuple: mean (C,) and std (C,) float64, and the number of positions.

    Raises:
        DataError: If there is no position.

    Examples:
        >>> channel_statistics([np.array([[1., 5.]]), np.array([[3., 5.]])])
        (array([2., 5.]), array([1., 0.]), 2)
    """
    count, mean, squares = 0, np.zeros(()), np.zeros(())
    for array in arrays:
        array = np.asarray(array, np.float64)
        if not len(array):
            continue
        # Chan et al.: parallel means and sums of squares, exact enough at any offset.
        total, delta = count + len(array), array.mean(axis=0) - mean
        mean = mean + delta * len(array) / total
        squares = (
            squares
            + ((array - array.mean(axis=0)) ** 2).sum(axis=0)
            + delta**2 * count * len(array) / total
        )
        count = total
    if not count:
        raise DataError('no features to take statistics of')
    return mean, np.sqrt(squares / count), count


def statistics_path(ann_file: str) -> Path:
    """Where statistics lie by convention: beside the annotations."""
    return Path(ann_file).with_name(f'{Path(ann_file).stem}_feature_stats.json')
