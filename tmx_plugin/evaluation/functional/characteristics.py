# SPDX-License-Identifier: Apache-2.0
"""What the ground truth that is missed, or badly scored, has in common, after DETAD.

Three characteristics of a ground truth: *length* in seconds, *coverage* (its share of the video)
and *instances* (how many of its label its video holds). Buckets are open below and closed above.

Normalised precision puts the mean number N of ground truths of a class in place of a class's own,
so that average precision does not depend on how many ground truths there are: with recall R and F
false positives it is R N / (R N + F).

Source: Alwassel et al., "Diagnosing Error in Temporal Action Detectors", ECCV 2018. Its program
filters detections for all thresholds one after another; here each threshold stands for itself.

Naming convention: T thresholds, G ground truths (cleaned, in the table's order).
"""

from typing import Any, NamedTuple

import numpy as np

from .segment_table import SegmentTable

#: Upper edges of all buckets but the last, as published for two data sets.
BUCKETS = dict(
    thumos14=dict(length=(3, 6, 12, 18), coverage=(0.02, 0.04, 0.06, 0.08), instances=(1, 40, 80)),
    activitynet=dict(length=(30, 60, 120, 180), coverage=(0.2, 0.4, 0.6, 0.8), instances=(1, 4, 8)),
)
#: A ground truth that is first found where normalised precision has fallen this low is missed.
MIN_PRECISION = 0.05


class Characteristic(NamedTuple):
    """Buckets of the ground truth by one property.

    Attributes:
        names (list[str]): B names such as ``'3 to 6 s'``.
        bucket (ndarray): (G,) int64 bucket of each ground truth, -1 where it is not known.
    """

    names: list
    bucket: np.ndarray


class Standings(NamedTuple):
    """Where in the ranking of its class each ground truth is found.

    Attributes:
        wrong (ndarray): (T, G) float64, false positives above the detection that found it,
            infinite where none did.
        right (ndarray): (T, G) int64, true positives down to that detection, from 1.
    """

    wrong: np.ndarray
    right: np.ndarray


def choose_buckets(gt: SegmentTable) -> str:
    """Which of ``BUCKETS`` suits: those of ActivityNet for a median length of 30 s or more.

    Example:
        >>> choose_buckets(SegmentTable([0], [[0, 60]], [0]))
        'activitynet'
    """
    return 'activitynet' if np.median(np.diff(gt.segments)) >= 30 else 'thumos14'


def characteristics(gt: SegmentTable, durations: np.ndarray, buckets: str) -> dict:
    """Put the ground truth into buckets by length, coverage and number of instances.

    Args:
        gt (SegmentTable): Cleaned ground truth.
        durations (ndarray): (V,) seconds of each video by its number; nan where not known.
        buckets (str): A key of ``BUCKETS``.

    Returns:
        dict[str, Characteristic]: ``length``, ``coverage``, ``instances``.

    Example:
        >>> gt = SegmentTable([0, 0], [[0, 2], [10, 15]], [1, 1])
        >>> length = characteristics(gt, [100], 'thumos14')['length']
        >>> [length.names[bucket] for bucket in length.bucket]
        ['up to 3 s', '3 to 6 s']
    """
    edges = BUCKETS[buckets]
    length = gt.segments[:, 1] - gt.segments[:, 0]
    _, cell, count = np.unique(
        np.stack([gt.videos, gt.labels]), axis=1, return_inverse=True, return_counts=True
    )
    values = dict(
        length=length,
        coverage=length / np.asarray(durations, np.float64)[gt.videos],
        instances=count[cell.reshape(-1)],
    )
    units = dict(length=' s', coverage='', instances='')
    return {
        name: Characteristic(
            _names(edges[name], units[name]),
            np.where(np.isnan(value), -1, np.searchsorted(edges[name], value, side='left')),
        )
        for name, value in values.items()
    }


def _names(edges: tuple, unit: str) -> list:
    return [
        f'up to {edges[0]:g}{unit}',
        *(f'{low:g} to {high:g}{unit}' for low, high in zip(edges, edges[1:])),
        f'over {edges[-1]:g}{unit}',
    ]


def standings(gt: SegmentTable, found_by: np.ndarray, rank: np.ndarray) -> Standings:
    """Where in the ranking of its class each ground truth is found.

    Args:
        gt (SegmentTable): Cleaned ground truth.
        found_by (ndarray): (T, G) int64 row of the detection that found each, -1 where none did.
        rank (ndarray): (D,) int64 place of each detection in its class by score, from 0.

    Returns:
        Standings: See there.

    Example:
        >>> gt = SegmentTable([0, 0], [[0, 10], [20, 30]], [1, 1])
        >>> standings(gt, found_by=np.array([[1, -1]]), rank=np.array([0, 1]))
        Standings(wrong=array([[ 1., inf]]), right=array([[1, 2]]))
    """
    found = found_by >= 0
    place = np.full(found_by.shape, np.inf)
    place[found] = rank[found_by[found]]
    number = np.empty(found_by.shape, np.int64)
    for label in np.unique(gt.labels):
        rows = np.flatnonzero(gt.labels == label)
        number[:, rows] = np.argsort(np.argsort(place[:, rows], axis=1), axis=1)
    return Standings(wrong=place - number, right=number + 1)


def normalized_ap(
    gt: SegmentTable, standing: Standings, selected: np.ndarray | None = None
) -> np.ndarray:
    """Average precision with normalised precision, of all ground truth or of a part of it.

    Of the detections, those matched to ground truth outside the part are left out.

    Args:
        gt (SegmentTable): Cleaned ground truth.
        standing (Standings): From :func:`standings`.
        selected (ndarray | None): (G,) bool, the part; None for all.

    Returns:
        ndarray: (K, T) float64 for the labels of ``gt`` in ascending order; nan for a class
        without ground truth in the part.

    Example:
        >>> gt = SegmentTable([0, 0], [[0, 10], [20, 30]], [1, 1])
        >>> normalized_ap(gt, standings(gt, np.array([[0, -1]]), np.array([0])))
        array([[0.5]])
    """
    labels = np.unique(gt.labels)
    mean_count = len(gt) / len(labels)
    result = np.full((len(labels), len(standing.wrong)), np.nan)
    for row, label in zip(result, labels):
        chosen = gt.labels == label if selected is None else (gt.labels == label) & selected
        if not chosen.any():
            continue
        wrong = np.sort(standing.wrong[:, chosen], axis=1)
        right = np.arange(1, wrong.shape[1] + 1) / wrong.shape[1] * mean_count
        precision = right / (right + wrong)
        row[:] = np.maximum.accumulate(precision[:, ::-1], axis=1).mean(axis=1)
    return result


def sensitivity(gt: SegmentTable, standing: Standings, groups: dict) -> dict:
    """Normalised mAP over all ground truth and in each bucket.

    Args:
        gt (SegmentTable): Cleaned ground truth.
        standing (Standings): From :func:`standings`.
        groups (dict[str, Characteristic]): From :func:`characteristics`.

    Returns:
        dict: ``normalized_mAP`` over all, and by the name of each characteristic a list with
        ``bucket``, ``count`` and ``normalized_mAP`` (None where the bucket is empty), all in
        [0, 1] and averaged over the thresholds.

    Example:
        >>> gt = SegmentTable([0, 0], [[0, 2], [10, 15]], [1, 1])
        >>> standing = standings(gt, np.array([[0, -1]]), np.array([0]))
        >>> found = sensitivity(gt, standing, characteristics(gt, [100], 'thumos14'))
        >>> found['length'][0]
        {'bucket': 'up to 3 s', 'count': 1, 'normalized_mAP': 1.0}
    """
    result: dict = dict(normalized_mAP=float(normalized_ap(gt, standing).mean()))
    for name, group in groups.items():
        result[name] = []
        for number, bucket in enumerate(group.names):
            part = group.bucket == number
            value = float(np.nanmean(normalized_ap(gt, standing, part))) if part.any() else None
            result[name].append(dict(bucket=bucket, count=int(part.sum()), normalized_mAP=value))
    return result


def false_negatives(gt: SegmentTable, standing: Standings, groups: dict) -> dict:
    """Share of the ground truth that is missed in each bucket, averaged over the thresholds.

    Args:
        gt, standing, groups: As for :func:`sensitivity`.

    Returns:
        dict: By the name of each characteristic a list with ``bucket``, ``count``, ``missed``
        (not found, or only where normalised precision is ``MIN_PRECISION`` or less) and
        ``never_found``, in [0, 1] or None where the bucket is empty; and the same over all
        under ``all``.

    Example:
        >>> gt = SegmentTable([0, 0], [[0, 2], [10, 15]], [1, 1])
        >>> standing = standings(gt, np.array([[0, -1]]), np.array([0]))
        >>> false_negatives(gt, standing, {})['all']
        {'count': 2, 'missed': 0.5, 'never_found': 0.5}
    """
    labels, class_of, count = np.unique(gt.labels, return_inverse=True, return_counts=True)
    right = standing.right / count[class_of] * (len(gt) / len(labels))
    never = np.isinf(standing.wrong)
    missed = never | (right / (right + standing.wrong) <= MIN_PRECISION)

    def shares(part: np.ndarray) -> Any:
        if not part.any():
            return dict(count=0, missed=None, never_found=None)
        return dict(
            count=int(part.sum()),
            missed=float(missed[:, part].mean()),
            never_found=float(never[:, part].mean()),
        )

    result = dict(all=shares(np.ones(len(gt), bool)))
    for name, group in groups.items():
        result[name] = [
            dict(bucket=bucket, **shares(group.bucket == i)) for i, bucket in enumerate(group.names)
        ]
    return result
