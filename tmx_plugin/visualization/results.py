# SPDX-License-Identifier: Apache-2.0
"""Predictions and annotations of one subset, read from their ActivityNet-style jsons."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
from matplotlib.figure import Figure
from mmengine.logging import print_log

from ..datasets.annotation_files import match_subsets, read_annotations
from ..errors import DataError
from ..evaluation.functional import (
    SegmentTable,
    average_precision,
    clean_ground_truth,
    describe_unmatched,
    segment_tables,
)
from ..exporters.activitynet import read_activitynet
from .timeline import draw_timeline


@dataclass(frozen=True)
class Results:
    """Ground truth and detections of the videos of one subset.

    Attributes:
        gt (SegmentTable): Ground truth in seconds, cleaned as for evaluation.
        det (SegmentTable): Detections in seconds, of the labels that have ground truth.
        classes (list[str]): Names of the labels.
        videos (list[str]): Names of the videos, by their number in the tables.
        durations (dict[str, float]): Seconds, of the subset's videos.
        subset (str): Which subset.
    """

    gt: SegmentTable
    det: SegmentTable
    classes: list
    videos: list
    durations: dict
    subset: str

    def video_rows(self, video: str):
        """Rows of one video: of the ground truth and of the detections, both (N,) bool."""
        number = self.videos.index(video)
        return self.gt.videos == number, self.det.videos == number

    def video_scores(self, tious: Sequence[float]) -> dict:
        """Average mAP in [0, 1] of each video alone, over its own classes; best first.

        Videos without ground truth have none and are left out.
        """
        scores = {}
        for number in np.unique(self.gt.videos):
            gt, det = (table.rows(table.videos == number) for table in (self.gt, self.det))
            scores[self.videos[number]] = float(average_precision(gt, det, tious)[1].mean())
        return dict(sorted(scores.items(), key=lambda item: -item[1]))

    def timeline(
        self, video: str, *, correct=None, title: Optional[str] = None, **kwargs
    ) -> Figure:
        """Timeline of one video, see :func:`draw_timeline` for the further options.

        Args:
            video (str): Name of the video.
            correct (ndarray | None): (D,) bool over all detections; False is marked as wrong.
            title (str | None): First line; the video's name if None.
        """
        gt_rows, det_rows = self.video_rows(video)
        gt, det = self.gt.rows(gt_rows), self.det.rows(det_rows)
        return draw_timeline(
            gt.segments,
            gt.labels,
            det.segments,
            det.scores,
            det.labels,
            duration=self.durations.get(video),
            classes=self.classes,
            title=title or video,
            pred_correct=None if correct is None else correct[det_rows],
            **kwargs,
        )


def load_results(
    predictions,
    annotations,
    subset: Union[str, Sequence[str], None] = None,
    videos: Optional[Sequence[str]] = None,
) -> Results:
    """Read the predictions on a subset and its annotations.

    Args:
        predictions (str | Path): ``{'results': {video: [{'label': name, 'score': x,
            'segment': [start, end]}]}}``, seconds.
        annotations (str | Path): ``{'database': {video: {'subset': s, 'duration': sec,
            'annotations': [{'label': name, 'segment': [start, end]}]}}}``.
        subset (str | Sequence[str] | None): Which subset or subsets were predicted; if None the
            one that has all the predicted videos.
        videos (Sequence[str] | None): Names of the videos to look at; None for all of the
            subset, and predicted ones that it does not have.

    Returns:
        Results: See there.

    Raises:
        MissingFileError: A file is missing.
        DataError: A file is not as above, the subset is not in the annotations, or it has to
            be named because the predicted videos are in none or in several.
    """
    found = read_activitynet(predictions)
    annotated = read_annotations(annotations)
    wanted = _wanted_subsets(predictions, annotations, subset, annotated, found)
    annotated = [
        video
        for video in annotated
        if video.subset in wanted and (videos is None or video.video_id in videos)
    ]
    if videos is not None:
        found = {name: items for name, items in found.items() if name in videos}
    segments = {video.video_id: list(zip(video.labels, video.segments_sec)) for video in annotated}
    for sentence in describe_unmatched(
        {name: [item['label'] for item in items] for name, items in found.items()},
        {label for video in annotated for label in video.labels},
        segments,
    ):
        print_log(f'{predictions}: {sentence}', 'current', logging.WARNING)
    gt, det, classes = segment_tables(segments, found)
    return Results(
        gt=clean_ground_truth(gt),
        det=det,
        classes=classes,
        subset=', '.join(wanted),
        videos=list(dict.fromkeys([*segments, *found])),
        durations={video.video_id: video.duration for video in annotated},
    )


def _wanted_subsets(predictions, annotations, subset, annotated, found) -> list:
    """The annotations' names of the subsets asked for, or of the one that was predicted."""
    subsets = {video.subset for video in annotated}
    if subset is None:
        predicted = sorted({video.subset for video in annotated if video.video_id in found})
        if len(predicted) != 1:
            raise DataError(
                f'{predictions}: expected videos of one subset of {annotations}, found them in '
                f'{predicted or "none"}; name one of {sorted(subsets)}'
            )
        return predicted
    names = match_subsets([subset] if isinstance(subset, str) else subset, subsets)
    if not names:
        raise DataError(f'{annotations}: expected the subset {subset!r}, found {sorted(subsets)}')
    return names
