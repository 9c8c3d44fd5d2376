# SPDX-License-Identifier: Apache-2.0
"""Ground-truth segments: from seconds to the feature grid, and through random truncation."""

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from ...errors import ConfigError
from ...structures.video_time import VideoTime


@TRANSFORMS.register_module()
class SegmentsToGrid(BaseTransform):
    """Put the ground truth on the feature grid; repeats of a segment and label are kept once.

    Times are first cut to whole video frames, so segments that differ by less may become equal.

    Required keys:
        - segments_sec (np.ndarray): (G, 2) float64, seconds.
        - labels (np.ndarray): (G,) int64.
        - fps, duration, num_frames, feature_stride, offset_frames: The video's geometry.

    Added keys:
        - segments_grid (np.ndarray): (G', 2) float32, grid units.
        - segment_labels (np.ndarray): (G',) int64; ``labels`` stays that of ``segments_sec``.

    Example:
        >>> SegmentsToGrid()(dict(
        ...     segments_sec=np.array([[2., 4.]]), labels=np.array([1]), fps=10., duration=9.,
        ...     feature_stride=4, offset_frames=8))['segments_grid']
        array([[3., 8.]], dtype=float32)
    """

    def transform(self, results: dict) -> dict:
        """See the class."""
        time = VideoTime.of(results)
        frames = time.to_frames(results['segments_sec'])
        grid = time.to_grid(frames)
        keep = first_of_equal(frames, results['labels'])
        results['segments_grid'] = grid[keep].astype(np.float32)
        results['segment_labels'] = results['labels'][keep]
        return results


def first_of_equal(frames: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Indices of the segments, in order, that repeat no earlier one of the same label."""
    rows = np.column_stack([frames, labels])
    return np.sort(np.unique(rows, axis=0, return_index=True)[1])


@TRANSFORMS.register_module()
class RandomTruncation(BaseTransform):
    """Cut a random window out of the features and the ground truth.

    A sequence longer than ``max_seq_len`` is cut to it, a shorter one to a random share of its
    length; one that happens to keep its whole length is left as it is, with all its segments.
    Otherwise segments are clipped to the window, and those of which less than ``trunc_thresh``
    remains are dropped. The window's length is drawn once, its place again, up to ``max_tries``
    times, until a segment remains.

    Required keys:
        - feats (list[np.ndarray]), feat_len (int)
        - segments_grid (np.ndarray), segment_labels (np.ndarray)
        - rng (np.random.Generator)

    Modified keys: feats (views of the same memory), feat_len, segments_grid, segment_labels.

    Args:
        max_seq_len (int): Longest window, in grid steps.
        crop_ratio (tuple[float, float]): Least and greatest share of a shorter sequence.
        trunc_thresh (float): Least remaining share of a segment that is kept.
        max_tries (int): Draws of the window's place after which the last one is used, even
            without a segment.

    Example:
        >>> results = RandomTruncation(max_seq_len=4)(dict(
        ...     feats=[np.zeros((9, 2), np.float32)], feat_len=9, rng=np.random.default_rng(0),
        ...     segments_grid=np.array([[0., 9.]], np.float32), segment_labels=np.array([1])))
        >>> results['feats'][0].shape
        (4, 2)
    """

    def __init__(
        self,
        max_seq_len: int = 2304,
        crop_ratio=(0.9, 1.0),
        trunc_thresh: float = 0.5,
        max_tries: int = 200,
    ) -> None:
        if not 0 < crop_ratio[0] <= crop_ratio[1] <= 1:
            raise ConfigError(f'crop_ratio must be 0 < least <= greatest <= 1, not {crop_ratio}')
        if max_seq_len < 1 or max_tries < 1:
            raise ConfigError(
                f'max_seq_len and max_tries must be at least 1, not {max_seq_len} and {max_tries}'
            )
        self.max_seq_len = max_seq_len
        self.crop_ratio = tuple(crop_ratio)
        self.trunc_thresh = trunc_thresh
        self.max_tries = max_tries

    def transform(self, results: dict) -> dict:
        """See the class."""
        total, rng = results['feat_len'], results['rng']
        length = self._draw_length(total, rng)
        if length == total:
            return results
        segments, labels = results['segments_grid'], results['segment_labels']
        for _ in range(self.max_tries):
            start = int(rng.integers(0, total - length, endpoint=True))
            clipped, kept = clip_segments(segments, start, start + length, self.trunc_thresh)
            if kept.any():
                break
        results['feats'] = [x[start : start + length] for x in results['feats']]
        results['feat_len'] = length
        results['segments_grid'] = clipped[kept] - np.float32(start)
        results['segment_labels'] = labels[kept]
        return results

    def _draw_length(self, total: int, rng: np.random.Generator) -> int:
        if total > self.max_seq_len:
            return self.max_seq_len
        least = max(round(self.crop_ratio[0] * total), 1)
        greatest = min(round(self.crop_ratio[1] * total), total)
        return int(rng.integers(least, max(greatest, least), endpoint=True))

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(max_seq_len={self.max_seq_len}, '
            f'crop_ratio={self.crop_ratio}, trunc_thresh={self.trunc_thresh}, '
            f'max_tries={self.max_tries})'
        )


@TRANSFORMS.register_module()
class StretchTime(BaseTransform):
    """Play a window faster or slower: repeat or leave out features, and scale the ground truth.

    Put it behind :class:`RandomTruncation`, so that only the window is read.

    Required keys: feats, feat_len, segments_grid, rng. Modified keys: feats, feat_len,
    segments_grid.

    Args:
        ratio (tuple[float, float]): Least and greatest factor of the length; its logarithm is
            drawn uniformly. (1, 1) leaves everything as it is.
        max_seq_len (int): Longest result, in grid steps; the factor is lowered to it.

    Example:
        >>> results = StretchTime(ratio=(2, 2))(dict(
        ...     feats=[np.array([[1.], [2.]])], feat_len=2, rng=np.random.default_rng(0),
        ...     segments_grid=np.array([[0., 1.]], np.float32)))
        >>> results['feats'][0].ravel(), results['segments_grid']
        (array([1., 1., 2., 2.]), array([[0., 2.]], dtype=float32))
    """

    def __init__(self, ratio=(0.8, 1.25), max_seq_len: int = 2304) -> None:
        if not 0 < ratio[0] <= ratio[1]:
            raise ConfigError(f'ratio must be 0 < least <= greatest, not {ratio}')
        self.ratio = tuple(ratio)
        self.max_seq_len = max_seq_len

    def transform(self, results: dict) -> dict:
        """See the class."""
        if self.ratio == (1, 1):
            return results
        total = results['feat_len']
        factor = float(np.exp(results['rng'].uniform(*np.log(self.ratio))))
        length = max(min(round(total * factor), self.max_seq_len), 1)
        source = np.arange(length) * (total / length)
        nearest = np.minimum(np.rint(source).astype(np.int64), total - 1)
        results['feats'] = [x[nearest] for x in results['feats']]
        results['feat_len'] = length
        results['segments_grid'] = results['segments_grid'] * np.float32(length / total)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(ratio={self.ratio}, max_seq_len={self.max_seq_len})'


def clip_segments(segments: np.ndarray, start: float, end: float, trunc_thresh: float):
    """Clip segments to a window.

    Args:
        segments (np.ndarray): (G, 2), grid units.
        start (float): First grid step of the window.
        end (float): End of the window, ``start`` plus its length.
        trunc_thresh (float): Least share of a segment's length inside the window.

    Returns:
        tuple[np.ndarray, np.ndarray]: Clipped segments (G, 2), and which to keep (G,) bool.
        Segments without length, or without any inside the window, are never kept.
    """
    clipped = segments.clip(start, end)
    inside = clipped[:, 1] - clipped[:, 0]
    share = np.zeros_like(inside)
    # Where something is inside, the segment has a length to divide by.
    np.divide(inside, segments[:, 1] - segments[:, 0], out=share, where=inside > 0)
    return clipped, (inside > 0) & (share >= trunc_thresh)
