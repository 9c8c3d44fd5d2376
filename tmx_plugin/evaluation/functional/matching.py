# SPDX-License-Identifier: Apache-2.0
"""Greedy matching of detections to ground truth, for all classes and videos at once.

Naming convention: T tIoU thresholds, G ground truths, D detections, P pairs of a detection and a
ground truth of the same class and video. Such a (class, video) is a *group*; nothing in one group
touches another.
"""

from typing import Any

import numpy as np

# Detections looked at together, and pairs held at a time: they bound the memory, and
# the work where a great many detections want the same ground truth.
BLOCK = 1 << 16
MAX_PAIRS = 1 << 17


def index_of(values: np.ndarray, sorted_values: np.ndarray) -> np.ndarray:
    """Position of each value in ``sorted_values``, -1 where it is not there.

    Example:
        >>> index_of(np.array([5, 7, 9]), np.array([5, 9]))
        array([ 0, -1,  1])
    """
    if not len(sorted_values):
        return np.full(len(values), -1)
    position = np.searchsorted(sorted_values, values)
    position[position == len(sorted_values)] = 0
    position[sorted_values[position] != values] = -1
    return position


class GroundTruthIndex:
    """Ground truths sorted by (class, video, start), to be searched by detections.

    Args:
        videos (np.ndarray): (G,) int.
        segments (np.ndarray): (G, 2) float64, seconds, start < end.
        labels (np.ndarray): (G,) int.

    Attributes:
        classes (np.ndarray): (K,) the labels that occur, ascending.
        order (np.ndarray): (G,) input row of each sorted ground truth; all else is in sorted order.
        group_of (np.ndarray): (G,) group of each ground truth.
        group_start (np.ndarray): (groups + 1,) where each group begins.
        class_start (np.ndarray): (K + 1,) where each class begins.
    """

    def __init__(self, videos: np.ndarray, segments: np.ndarray, labels: np.ndarray) -> None:
        self.classes, class_of = np.unique(labels, return_inverse=True)
        self._videos, video_of = np.unique(videos, return_inverse=True)
        cell = class_of * len(self._videos) + video_of
        self.order = np.lexsort((segments[:, 0], cell))
        cells, self.group_of = np.unique(cell[self.order], return_inverse=True)
        self._group_of_cell = np.full(len(self.classes) * len(self._videos), -1, np.int32)
        self._group_of_cell[cells] = np.arange(len(cells))
        self.group_start = np.searchsorted(self.group_of, np.arange(len(cells) + 1))
        self.class_start = np.searchsorted(class_of[self.order], np.arange(len(self.classes) + 1))
        self.starts, self.ends = segments[self.order].T.copy()

        # One number line for all groups: each gets its own stretch, longer than any time in it.
        self._origin = self.starts.min()
        self._extent = self.ends.max() - self._origin
        self._stretch = 2 * self._extent
        offset = self.group_of * self._stretch - self._origin
        self._start_line = self.starts + offset
        # Starts ascend in a group but ends do not; their running maximum can be searched.
        self._end_line = np.maximum.accumulate(self.ends + offset)
        # Searching is allowed to find too much, never too little, so round outwards.
        self._slack = 8 * np.spacing(np.abs(self._end_line[-1]) + self._stretch)

    def __len__(self) -> int:
        return len(self.starts)

    def groups(self, class_index: np.ndarray, videos: np.ndarray) -> np.ndarray:
        """Group of each (class position, video); -1 where that has no ground truth."""
        video = index_of(videos, self._videos)
        group = self._group_of_cell[class_index * len(self._videos) + video]
        group[video < 0] = -1
        return group

    def ranges(
        self, group: np.ndarray, starts: np.ndarray, ends: np.ndarray, min_tiou: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Per detection the range of ground truths that may reach a tIoU.

        tIoU >= x needs an intersection of at least x times the detection's length, so a ground
        truth has to begin that much before the detection's end, and end that much after its start.

        Args:
            group, starts, ends, min_tiou (np.ndarray): (D,), seconds; ``min_tiou`` per detection.

        Returns:
            tuple: first and one past the last ground truth, each (D,); first >= last: none.
        """
        margin = min_tiou * (ends - starts)
        base = group * self._stretch

        def line(seconds: Any) -> np.ndarray:
            return base + np.clip(seconds - self._origin, 0, self._extent)

        first = np.searchsorted(self._end_line, line(starts + margin) - self._slack, 'left')
        last = np.searchsorted(self._start_line, line(ends - margin) + self._slack, 'right')
        return (
            np.maximum(first, self.group_start[group]),
            np.minimum(last, self.group_start[group + 1]),
        )

    def pairs(
        self, first: np.ndarray, counts: np.ndarray, starts: np.ndarray, ends: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Overlap (tIoU) of each detection with its ``counts`` ground truths from ``first`` on.

        Returns:
            tuple: detection (P,), ground truth (P,), tIoU (P,) float64; by detection, ascending.
        """
        det = np.repeat(np.arange(len(counts)), counts)
        gt = np.arange(len(det)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        gt_start, gt_end, start, end = self.starts[gt], self.ends[gt], starts[det], ends[det]
        inter = np.minimum(end, gt_end) - np.maximum(start, gt_start)
        np.maximum(inter, 0, out=inter)
        # In this order the sums round as in the ActivityNet evaluation.
        union = (gt_end - gt_start) + (end - start) - inter
        return det, gt, inter / union


class GreedyMatcher:
    """Each detection, best first, takes the free ground truth of the highest tIoU >= threshold.

    That is a stable matching in which every ground truth prefers the detection of the better rank,
    so rounds of deferred acceptance find it: all detections propose at once, a ground truth holds
    on to the best of its proposers, and the others go on to their next choice.

    Args:
        index (GroundTruthIndex): The ground truths.
        tious (np.ndarray): (T,) thresholds above 0.

    Attributes:
        taken_by (np.ndarray): (T, G) position of the detection that took each ground truth, in the
            index's order; ``FREE`` where none did.
    """

    FREE = np.iinfo(np.int64).max

    def __init__(self, index: GroundTruthIndex, tious: np.ndarray) -> None:
        self.index = index
        self.tious = tious
        self.taken_by = np.full((len(tious), len(index)), self.FREE)

    def add(
        self, position: np.ndarray, group: np.ndarray, starts: np.ndarray, ends: np.ndarray
    ) -> None:
        """Match detections that all come after those added before.

        Args:
            position (np.ndarray): (D,) int64, ascending; a smaller one has the better rank.
            group, starts, ends (np.ndarray): (D,).
        """
        if not len(position):
            return
        # The lowest threshold at which a ground truth, or any of a group, is still to be had.
        lowest = np.where(self.taken_by == self.FREE, self.tious[:, None], np.inf).min(axis=0)
        lowest_of_group = np.minimum.reduceat(lowest, self.index.group_start[:-1])[group]
        keep = np.flatnonzero(np.isfinite(lowest_of_group) & (ends > starts))
        position, group, starts, ends = (x[keep] for x in (position, group, starts, ends))
        first, last = self.index.ranges(group, starts, ends, lowest_of_group[keep])
        counts = np.maximum(last - first, 0)
        if counts.sum() > MAX_PAIRS and len(position) > 1:
            half = len(position) // 2
            for part in (slice(None, half), slice(half, None)):
                self.add(position[part], group[part], starts[part], ends[part])
            return
        det, gt, tiou = self.index.pairs(first, counts, starts, ends)
        keep = np.flatnonzero(tiou >= lowest[gt])
        if len(keep):
            self._match(position[det[keep]], gt[keep], tiou[keep])

    def _match(self, det: np.ndarray, gt: np.ndarray, tiou: np.ndarray) -> None:
        """Deferred acceptance over the pairs (P,), which come by ascending ``det``."""
        # Equal tIoU: the ground truth that comes later in the file, as in the reference.
        choice = np.lexsort((-self.index.order[gt], -tiou, det))
        det, gt, tiou = det[choice], gt[choice], tiou[choice]
        open_ = (tiou >= self.tious[:, None]) & (self.taken_by[:, gt] == self.FREE)
        level, pair = np.nonzero(open_)
        det, slot = det[pair], level * len(self.index) + gt[pair]
        taken_by = self.taken_by.reshape(-1)
        while True:
            proposes = np.empty(len(det), bool)
            proposes[:1] = True
            # The next level may begin with the very detection that the one before ended with.
            proposes[1:] = (det[1:] != det[:-1]) | (level[1:] != level[:-1])
            who, where = det[proposes], slot[proposes]
            # Of several writes to one place the last stays: in reverse, the best rank. It is no
            # worse than what is there, since the holder proposes again in each round.
            taken_by[where[::-1]] = who[::-1]
            if (taken_by[where] == who).all():
                return
            wanted = det <= taken_by[slot]
            det, slot, level = det[wanted], slot[wanted], level[wanted]
