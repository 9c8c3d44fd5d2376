# SPDX-License-Identifier: Apache-2.0
"""What kinds of errors detections make, in the spirit of DETAD.

Every detection gets one kind at a tIoU threshold t. With *same* and *other* the highest tIoU
it has with a ground truth of its own and of another label in its video, the first that fits:

================ ======================================== =============================
kind             rule ``'detad'``                         rule ``'own label'``
================ ======================================== =============================
true positive    the greedy matching of average precision gives it a ground truth
double detection same >= t and same >= other              same >= t
wrong label      other >= t                               other >= t
localization     same >= 0.1 and same >= other            same >= 0.1
confusion        other >= 0.1                             other >= 0.1
background       neither reaches 0.1                      neither reaches 0.1
================ ======================================== =============================

``'detad'`` judges a detection by the one ground truth it overlaps most, whatever its label, as
Alwassel et al., "Diagnosing Error in Temporal Action Detectors", ECCV 2018, do (where both overlap
equally it takes the own label, DETAD the one first in the file). ``'own label'`` puts same labels
before others at equal standing, which suits videos with overlapping classes.

Naming convention: T thresholds, D detections, G ground truths (cleaned, in the table's order).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...errors import ConfigError
from .average_precision import average_precision, match_ranked
from .matching import GreedyMatcher
from .segment_table import SegmentTable

KINDS = (
    'true positive',
    'double detection',
    'wrong label',
    'localization',
    'confusion',
    'background',
)
RULES = ('detad', 'own label')
MIN_TIOU = 0.1


class Matches(NamedTuple):
    """Who found what at each threshold.

    Attributes:
        true_positive (ndarray): (T, D) bool.
        found_by (ndarray): (T, G) int64 row of the detection that found each ground truth, -1
            where none did.
        rank (ndarray): (D,) int64 place of each detection in its class by score, from 0.
    """

    true_positive: np.ndarray
    found_by: np.ndarray
    rank: np.ndarray


def match_detections(
    gt: SegmentTable, det: SegmentTable, tious: Sequence[float] | np.ndarray
) -> Matches:
    """Match detections to ground truth exactly as average precision does.

    Args:
        gt (SegmentTable): Cleaned ground truth (``clean_ground_truth``).
        det (SegmentTable): Detections with scores, of labels that have ground truth.
        tious (Sequence[float]): T thresholds.

    Returns:
        Matches: See there.

    Example:
        >>> gt = SegmentTable([0], [[0, 10]], [1])
        >>> det = SegmentTable([0, 0], [[0, 9], [0, 10]], [1, 1], [.8, .9])
        >>> match_detections(gt, det, [.5])
        Matches(true_positive=array([[False,  True]]), found_by=array([[1]]), rank=array([1, 0]))
    """
    index, ranking, taken_by = match_ranked(gt, det, tious, keep_repeats=True)
    rank = np.zeros(len(det), np.int64)
    rank[ranking.order] = ranking.rank_in_class()
    level, place = np.nonzero(taken_by != GreedyMatcher.FREE)
    finder = ranking.order[taken_by[level, place]]
    true_positive = np.zeros((len(tious), len(det)), bool)
    true_positive[level, finder] = True
    found_by = np.full((len(tious), len(gt)), -1)
    found_by[level, index.order[place]] = finder
    return Matches(true_positive, found_by, rank)


def classify(
    true_positive: np.ndarray, same: np.ndarray, other: np.ndarray, tiou: float, rule: str = 'detad'
) -> np.ndarray:
    """Kind of each detection as an index into ``KINDS``, see the head of this module.

    Args:
        true_positive (ndarray): (D,) bool at the threshold ``tiou``.
        same, other (ndarray): (D,) from :func:`.overlaps.best_overlaps`.
        tiou (float): The threshold.
        rule (str): One of ``RULES``.

    Returns:
        ndarray: (D,) int64.

    Example:
        >>> KINDS[classify(np.array([False]), np.array([.3]), np.array([0.]), .5)[0]]
        'localization'
    """
    if rule not in RULES:
        raise ConfigError(f'expected one of the rules {RULES}, found {rule!r}')
    own = same if rule == 'own label' else np.where(same >= other, same, 0)
    conditions = [true_positive, own >= tiou, other >= tiou, own >= MIN_TIOU, other >= MIN_TIOU]
    return np.select(conditions, range(len(conditions)), default=len(conditions))


def false_positive_profile(
    kinds: np.ndarray, rank: np.ndarray, num_gt: np.ndarray, num_bins: int = 10
) -> np.ndarray:
    """Count the kinds among the best G, the next best G, ... detections of each class.

    Args:
        kinds (ndarray): (D,) from :func:`classify`.
        rank (ndarray): (D,) place in the class by score.
        num_gt (ndarray): (D,) number G of ground truths of the detection's class.
        num_bins (int): How many times G detections of each class to look at.

    Returns:
        ndarray: (num_bins, 6) int64 counts, summed over classes.

    Example:
        >>> false_positive_profile(np.array([0, 5]), np.array([0, 1]), np.array([1, 1]), num_bins=2)
        array([[1, 0, 0, 0, 0, 0],
               [0, 0, 0, 0, 0, 1]])
    """
    counts = np.zeros((num_bins, len(KINDS)), np.int64)
    bins = rank // num_gt
    kept = bins < num_bins
    np.add.at(counts, (bins[kept], kinds[kept]), 1)
    return counts


def removal_gain(
    gt: SegmentTable,
    det: SegmentTable,
    kinds: np.ndarray,
    tious: Sequence[float] | np.ndarray,
    average_map: float,
) -> dict[str, float]:
    """How much average mAP would rise without the detections of each kind of error.

    Args:
        gt, det (SegmentTable): Ground truth and detections.
        kinds (ndarray): (T, D) from :func:`classify` at each threshold.
        tious (Sequence[float]): T thresholds.
        average_map (float): mAP averaged over the thresholds with all detections, in [0, 1].

    Returns:
        dict: Gain in [0, 1] of each kind of ``KINDS`` but the first.

    Example:
        >>> gt = SegmentTable([0], [[0, 10]], [1])
        >>> det = SegmentTable([0, 0], [[50, 60], [0, 10]], [1, 1], [.9, .8])
        >>> kinds = np.array([[KINDS.index('background'), KINDS.index('true positive')]])
        >>> removal_gain(gt, det, kinds, [.5], average_map=.5)['background']
        0.5
    """
    gains = {}
    for kind, name in enumerate(KINDS[1:], start=1):
        ap = [
            average_precision(gt, det.rows(at != kind), [tiou])[1].mean()
            for at, tiou in zip(kinds, tious)
        ]
        gains[name] = float(np.mean(ap)) - average_map
    return gains
