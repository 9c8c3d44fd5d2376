# SPDX-License-Identifier: Apache-2.0
"""Where things go in a timeline: lanes, rows and text widths, without drawing anything."""

from bisect import bisect_left
from functools import lru_cache
from typing import NamedTuple, Optional

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

from ..exporters.checked import encodable

DPI = 100
MAX_MEASURED = 1000  # letters
# Measures as the Agg canvas draws, hinting included.
_RENDERER = RendererAgg(1, 1, DPI)


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, weight: str = 'normal') -> float:
    """Width of ``text`` in inches at ``size`` points in matplotlib's default font."""
    font = FontProperties(size=size, weight=weight)
    width, _, _ = _RENDERER.get_text_width_height_descent(text, font, ismath=False)
    return width / DPI


def shorten(text: str, size: float, width: float, weight: str = 'normal') -> str:
    """Cut ``text`` in the middle so that it is at most ``width`` inches wide.

    The middle goes because class names and video ids differ at their ends.
    """
    text = encodable(text)
    # Names of thousands of letters take long to measure, and no picture is that wide.
    if len(text) <= MAX_MEASURED and text_width(text, size, weight) <= width:
        return text

    def cut(keep: int) -> str:
        head = (keep + 1) // 2
        return text[:head] + '…' + text[len(text) - (keep - head) :]

    too_many = bisect_left(
        range(1, min(len(text), MAX_MEASURED)),
        True,
        key=lambda keep: text_width(cut(keep), size, weight) > width,
    )
    return cut(too_many)


def assign_lanes(segments, order=None, *, max_lanes: int, min_length: float = 0.0) -> np.ndarray:
    """Put segments into lanes in which none overlap, each into the first lane that has room.

    Args:
        segments (ndarray): (M, 2) starts and ends.
        order (ndarray | None): (M,) indices in the order of placing; by start if None.
        max_lanes (int): Lanes to use at most.
        min_length (float): Every segment takes at least this much room, so that bars drawn
            with a least width do not touch.

    Returns:
        ndarray: (M,) int64 lanes, -1 for a segment without room.
    """
    segments = np.asarray(segments, dtype=np.float64).reshape(-1, 2)
    lanes = np.full(len(segments), -1, dtype=np.int64)
    starts = segments[:, 0]
    ends = np.maximum(segments[:, 1], starts + min_length)
    if order is None:
        order = np.argsort(starts, kind='stable')
    for i in order:
        blocked = lanes[(starts < ends[i]) & (ends > starts[i]) & (lanes >= 0)]
        free = np.setdiff1d(np.arange(max_lanes), blocked)
        if len(free):
            lanes[i] = free[0]
    return lanes


def select_predictions(scores, *, score_thr: float = 0.0, top_k: Optional[int] = None):
    """Indices of the ``top_k`` best predictions that reach ``score_thr``, best first.

    Args:
        scores (ndarray): (M,) scores.
        score_thr (float): Least score.
        top_k (int | None): How many at most; None for all.

    Returns:
        ndarray: Indices, int64.
    """
    scores = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-scores, kind='stable')
    return order[scores[order] >= score_thr][:top_k]


def select_classes(gt_labels, pred_labels, max_rows: int) -> np.ndarray:
    """Classes that get a row: those of the ground truth first, then by their best prediction.

    Args:
        gt_labels (ndarray): (G,) int labels.
        pred_labels (ndarray): (M,) int labels of the predictions, best first.
        max_rows (int): How many rows at most.

    Returns:
        ndarray: Sorted class indices.
    """
    ranked = dict.fromkeys([*sorted(int(c) for c in gt_labels), *(int(c) for c in pred_labels)])
    return np.sort(np.array(list(ranked)[:max_rows], dtype=np.int64))


class Row(NamedTuple):
    """One class of a timeline: which segments it shows, and in which lane each lies."""

    label: int
    gt: np.ndarray  # indices into the ground truth
    gt_lanes: np.ndarray
    pred: np.ndarray  # indices into the predictions
    pred_lanes: np.ndarray

    @property
    def num_gt_lanes(self) -> int:
        """Ground-truth lanes, at least one: the empty lane shows that there is none."""
        return int(max(self.gt_lanes.max(initial=0) + 1, 1))

    @property
    def num_pred_lanes(self) -> int:
        """Prediction lanes, at least one."""
        return int(max(self.pred_lanes.max(initial=0) + 1, 1))


def make_row(
    label, gt_segments, gt_labels, pred_segments, pred_labels, *, order, max_lanes, min_length
) -> Row:
    """Lay out the segments of one class; ``order`` lists the predictions to show, best first."""
    gt = np.flatnonzero(gt_labels == label)
    pred = order[pred_labels[order] == label]
    return Row(
        label=int(label),
        gt=gt,
        gt_lanes=assign_lanes(gt_segments[gt], max_lanes=max_lanes, min_length=min_length),
        pred=pred,
        pred_lanes=assign_lanes(
            pred_segments[pred], np.arange(len(pred)), max_lanes=max_lanes, min_length=min_length
        ),
    )
