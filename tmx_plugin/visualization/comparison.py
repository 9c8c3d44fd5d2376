# SPDX-License-Identifier: Apache-2.0
"""Two sets of predictions on the same videos, side by side."""

import numpy as np

from ..errors import DataError
from ..evaluation.functional import SegmentTable
from ..evaluation.functional.bootstrap import draw_videos, interval, resampled_map
from .report_data import Analysis


def compare(this: Analysis, other: Analysis, rounds: int = 1000, seed: int = 0) -> dict:
    """Differences of two analyses, this less the other.

    Args:
        this, other (Analysis): Of the same annotations, subset and thresholds.
        rounds (int): Samples of videos for the interval of the difference of average mAP.
        seed (int): Of the samples.

    Returns:
        dict: ``average_mAP`` [this, other], ``difference``, ``interval`` (95 %) and
        ``share_better`` of the samples in which this is better; ``mAP``; ``classes`` with AP and
        the ground truth that only one of the two finds among the best G predictions of the class
        (``gained``, ``lost``); ``kinds`` with the count among those predictions and the gain from
        removing each. AP, mAP and their differences in percent.

    Raises:
        DataError: The two do not have the same ground truth.
    """
    if len(this.gt) != len(other.gt) or not np.array_equal(this.gt.segments, other.gt.segments):
        raise DataError(
            f'expected two results on the same ground truth, found {len(this.gt)} and '
            f'{len(other.gt)} segments'
        )
    videos = {
        name: i
        for i, name in enumerate(dict.fromkeys([*this.results.videos, *other.results.videos]))
    }
    weights = draw_videos(len(videos), rounds, seed)
    samples = [100 * _resampled(analysis, videos, weights) for analysis in (this, other)]
    difference = samples[0] - samples[1]
    difference = difference[np.isfinite(difference)]
    documents = this.summary(), other.summary()
    both = {name: [document[name] for document in documents] for name in documents[0]}
    return dict(
        average_mAP=both['average_mAP'],
        difference=both['average_mAP'][0] - both['average_mAP'][1],
        interval=interval(difference),
        share_better=float((difference > 0).mean()),
        rounds=rounds,
        seed=seed,
        mAP={name[4:]: values for name, values in both.items() if name != 'average_mAP'},
        classes=_classes(this, other),
        kinds=_kinds(this, other),
    )


def _resampled(analysis: Analysis, videos: dict, weights) -> np.ndarray:
    number = np.array([videos[name] for name in analysis.results.videos])
    gt, det = (
        SegmentTable(number[table.videos], table.segments, table.labels, table.scores)
        for table in (analysis.gt, analysis.det)
    )
    return resampled_map(gt, det, analysis.matches.found_by[:-1], analysis.matches.rank, weights)


def _found_among_best(analysis: Analysis) -> np.ndarray:
    """(G,) bool, whether one of the best G predictions of the class found it."""
    finder = analysis.matches.found_by[-1]
    place = np.append(analysis.matches.rank, np.iinfo(np.int64).max)[finder]
    return place < analysis.num_gt[analysis.gt.labels]


def _classes(this: Analysis, other: Analysis) -> list:
    found, found_other = _found_among_best(this), _found_among_best(other)
    rows = []
    for label, ap, other_ap in zip(this.labels, this.ap.mean(axis=1), other.ap.mean(axis=1)):
        own = this.gt.labels == label
        rows.append(
            dict(
                name=this.results.classes[label],
                num_gt=int(own.sum()),
                AP=[100 * float(ap), 100 * float(other_ap)],
                difference=100 * float(ap - other_ap),
                gained=int((own & found & ~found_other).sum()),
                lost=int((own & ~found & found_other).sum()),
            )
        )
    return sorted(rows, key=lambda row: -row['difference'])


def _kinds(this: Analysis, other: Analysis) -> dict:
    tables = [analysis.false_positives['kinds'] for analysis in (this, other)]
    return {
        kind: {key: [table[kind][key] for table in tables] for key in ('best_G', 'gain')}
        for kind in tables[0]
    }
