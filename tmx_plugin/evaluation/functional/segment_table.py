# SPDX-License-Identifier: Apache-2.0
"""Ground truth and detections of many videos as plain arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ...errors import DataError
from ...structures.annotations import IGNORED_LABELS, match_subsets


@dataclass(frozen=True)
class SegmentTable:
    """Labelled segments of many videos, one row a segment, in file order.

    Attributes:
        videos (np.ndarray): (N,) int64, which video; any integers.
        segments (np.ndarray): (N, 2) float64, start and end in seconds.
        labels (np.ndarray): (N,) int64, which class; any integers.
        scores (np.ndarray, optional): (N,) float64, for detections only.

    Raises:
        DataError: Lengths that disagree, or a number that is not finite.

    Example:
        >>> gt = SegmentTable(videos=[0], segments=[[1., 2.]], labels=[3])
        >>> len(gt)
        1
    """

    videos: np.ndarray
    segments: np.ndarray
    labels: np.ndarray
    scores: Optional[np.ndarray] = None

    def __post_init__(self) -> None:
        columns = dict(
            videos=np.asarray(self.videos, np.int64).reshape(-1),
            labels=np.asarray(self.labels, np.int64).reshape(-1),
            segments=np.asarray(self.segments, np.float64).reshape(-1, 2),
        )
        if self.scores is not None:
            columns['scores'] = np.asarray(self.scores, np.float64).reshape(-1)
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f'columns of different lengths: {lengths}')
        for name in ('segments', 'scores'):
            column = columns.get(name)
            if column is not None and not np.isfinite(column).all():
                bad = np.argwhere(~np.isfinite(column))[:, 0]
                raise DataError(
                    f'{name}: {len(np.unique(bad))} of {len(column)} rows are not finite, first '
                    f'row {bad[0]} of video {columns["videos"][bad[0]]}: {column[bad[0]]}'
                )
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, index: np.ndarray) -> 'SegmentTable':
        """The rows that ``index`` (a mask or indices) selects."""
        scores = None if self.scores is None else self.scores[index]
        return SegmentTable(self.videos[index], self.segments[index], self.labels[index], scores)


def clean_ground_truth(
    gt: SegmentTable, tolerance: float = 1e-3, *, keep_repeats: bool = False
) -> SegmentTable:
    """Drop segments with end <= start, and repeats unless they shall be kept.

    A repeat has the video and the label of a kept earlier row, and both its ends within
    ``tolerance`` seconds of that row's.

    Args:
        gt (SegmentTable): Ground truth.
        tolerance (float): In seconds.
        keep_repeats (bool): Whether to keep repeats, as the official ActivityNet evaluation does.

    Returns:
        SegmentTable: The kept rows, in their order.

    Example:
        >>> gt = SegmentTable([0, 0, 0], [[0, 2], [0, 2], [5, 4]], [1, 1, 1])
        >>> len(clean_ground_truth(gt))
        1
    """
    gt = gt.rows(gt.segments[:, 1] > gt.segments[:, 0])
    if keep_repeats:
        return gt
    start = gt.segments[:, 0]
    order = np.lexsort((start, gt.labels, gt.videos))
    # Rows can only repeat each other inside a run of starts with no gap above the tolerance.
    linked = (
        (np.diff(gt.videos[order]) == 0)
        & (np.diff(gt.labels[order]) == 0)
        & (np.diff(start[order]) <= tolerance)
    )
    runs = np.split(order, np.flatnonzero(~linked) + 1) if linked.any() else []
    keep = np.ones(len(gt), bool)
    for run in runs:
        if len(run) == 1:
            continue
        run = np.sort(run)
        kept = [run[0]]
        for row in run[1:]:
            difference = np.abs(gt.segments[kept] - gt.segments[row])
            if (difference <= tolerance).all(axis=1).any():
                keep[row] = False
            else:
                kept.append(row)
    return gt.rows(keep)


def tables_from_activitynet(
    ground_truth: dict, predictions: dict, subset: str | None = None
) -> tuple:
    """Arrays from the two ActivityNet-style dictionaries.

    Classes are the labels of the subset's ground truth, 'Ambiguous' aside; predictions with
    another label are left out. Predictions in videos that are not in the subset stay: they are
    false positives.

    Args:
        ground_truth (dict): ``{'database': {video: {'subset': s, 'annotations': [{'label': name,
            'segment': [start, end]}]}}}``, seconds.
        predictions (dict): ``{'results': {video: [{'label': name, 'score': x,
            'segment': [start, end]}]}}``, seconds.
        subset (str, optional): Use the videos of this subset, however it is spelled ('val' is
            'validation'); None uses all.

    Returns:
        tuple: gt (SegmentTable), det (SegmentTable), classes (list[str]): label i of both tables
        is called ``classes[i]``.

    Raises:
        DataError: If the subset holds no ground truth.

    Example:
        >>> video = dict(subset='val', annotations=[dict(label='run', segment=[0, 2])])
        >>> found = [dict(label='run', score=.9, segment=[0, 1])]
        >>> gt, det, classes = tables_from_activitynet(
        ...     dict(database=dict(v1=video)), dict(results=dict(v1=found)), 'validation')
        >>> len(gt), det.scores, classes
        (1, array([0.9]), ['run'])
    """
    database = ground_truth['database']
    names = {info.get('subset', '') for info in database.values()}
    wanted = names if subset is None else match_subsets([subset], names)
    tables = segment_tables(
        {
            video: [(item['label'], item['segment']) for item in info['annotations']]
            for video, info in database.items()
            if info.get('subset', '') in wanted
        },
        predictions['results'],
    )
    if not len(tables[0]):
        raise DataError(
            f'no ground truth in subset {subset!r} of {len(database)} videos; the '
            f'file has the subsets {sorted(names)}'
        )
    return tables


def segment_tables(annotations: Mapping, detections: Mapping) -> tuple:
    """Arrays of annotated and detected segments.

    Args:
        annotations (Mapping[str, Iterable[tuple]]): By video ``(label, (start, end))``, seconds.
        detections (Mapping[str, list[dict]]): By video ``{'label', 'score', 'segment'}``, seconds.

    Returns:
        tuple: As :func:`tables_from_activitynet`, which says what is left out. Videos are numbered
        in the order of ``annotations``, then that of further ``detections``.

    Example:
        >>> gt, det, classes = segment_tables(
        ...     dict(v1=[('run', (0, 2)), ('jump', (3, 4))]),
        ...     dict(v2=[dict(label='run', score=.9, segment=[0, 1])]))
        >>> classes, gt.labels, det.videos
        (['jump', 'run'], array([1, 0]), array([1]))
    """
    known = [
        (video, label, segment)
        for video, items in annotations.items()
        for label, segment in items
        if label not in IGNORED_LABELS
    ]
    classes = sorted({label for _, label, _ in known})
    class_index = {name: i for i, name in enumerate(classes)}
    video_index = {video: i for i, video in enumerate(dict.fromkeys([*annotations, *detections]))}
    found = [
        (video, item['label'], item['segment'])
        for video, items in detections.items()
        for item in items
        if item['label'] in class_index
    ]
    scores = [
        item['score']
        for items in detections.values()
        for item in items
        if item['label'] in class_index
    ]

    def table(rows: list, scores: list | None = None) -> SegmentTable:
        columns: dict = dict(
            videos=[video_index[video] for video, _, _ in rows],
            segments=[segment for _, _, segment in rows],
            labels=[class_index[label] for _, label, _ in rows],
            scores=scores,
        )
        return SegmentTable(**columns)

    return table(known), table(found, scores), classes
