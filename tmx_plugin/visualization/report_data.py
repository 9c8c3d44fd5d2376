# SPDX-License-Identifier: Apache-2.0
"""All that a report says of predictions, as plain numbers: the content of ``report.json``."""

from collections.abc import Sequence
from functools import cached_property
from typing import Optional

import numpy as np

from ..errors import ConfigError
from ..evaluation.functional import average_precision, mean_average_precision
from ..evaluation.functional import error_analysis as errors
from ..evaluation.functional.ceilings import ceilings, confusion_matrix
from ..evaluation.functional.characteristics import (
    characteristics,
    choose_buckets,
    false_negatives,
    sensitivity,
    standings,
)
from ..evaluation.functional.overlaps import best_overlaps
from ..evaluation.functional.score_curves import (
    ScoreCurve,
    calibration,
    proposal_recall,
    score_curve,
)
from .results import Results
from .thresholds import Thresholds

#: ActivityNet's thresholds of average recall, and the numbers of proposals looked at.
PROPOSAL_TIOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
PROPOSAL_COUNTS = (1, 2, 5, 10, 20, 50, 100, 200)
MAX_CURVE_POINTS = 100
MAX_DURATIONS = 2000


class Analysis:
    """Predictions matched with the ground truth, and what follows from that.

    Args:
        results (Results): Ground truth and predictions of a subset.
        tious (Sequence[float]): T thresholds of the mAP.
        main_tiou (float): Threshold at which single detections are called right or wrong.
        rule (str): How false positives are judged, one of ``error_analysis.RULES``.
        buckets (str): ``'auto'`` or a key of ``characteristics.BUCKETS``.

    Raises:
        ConfigError: A threshold out of range.
    """

    def __init__(
        self,
        results: Results,
        tious: Sequence[float],
        main_tiou: float = 0.5,
        rule: str = 'detad',
        buckets: str = 'auto',
    ) -> None:
        if not 0 < main_tiou <= 1:
            raise ConfigError(f'the main tIoU must be in (0, 1], got {main_tiou}')
        self.results, self.gt, self.det = results, results.gt, results.det
        self.scores = np.asarray(self.det.scores)
        self.tious = [float(tiou) for tiou in tious]
        self.main_tiou, self.rule = float(main_tiou), rule
        self.buckets = choose_buckets(self.gt) if buckets == 'auto' else buckets
        self.labels, self.ap = average_precision(self.gt, self.det, self.tious)
        # The main threshold goes last, so that one matching serves everything.
        self.matches = errors.match_detections(self.gt, self.det, [*self.tious, self.main_tiou])
        self.overlaps = best_overlaps(self.gt, self.det)
        self.kinds = np.stack(
            [
                errors.classify(row, self.overlaps.same, self.overlaps.other, tiou, rule)
                for row, tiou in zip(self.matches.true_positive, [*self.tious, self.main_tiou])
            ]
        )
        self.correct = self.matches.true_positive[-1]
        self.num_gt = np.bincount(self.gt.labels, minlength=len(results.classes))

    @cached_property
    def curves(self) -> dict[Optional[int], ScoreCurve]:
        """Score curve at the main threshold of each label, and of all pooled under None."""
        curves: dict[Optional[int], ScoreCurve] = {
            None: score_curve(self.scores, self.correct, len(self.gt))
        }
        for label in self.labels:
            rows = self.det.labels == label
            curves[int(label)] = score_curve(
                self.scores[rows], self.correct[rows], int(self.num_gt[label])
            )
        return curves

    @cached_property
    def thresholds(self) -> np.ndarray:
        """(K,) threshold of best F1 of each label; the overall one where no prediction is right."""
        overall = self.curves[None].best()
        default = overall['threshold'] if overall else 0.0
        best = [self.curves[int(label)].best() for label in self.labels]
        result = np.full(len(self.results.classes), default)
        result[self.labels] = [default if point is None else point['threshold'] for point in best]
        return result

    @cached_property
    def found_score(self) -> np.ndarray:
        """(G,) score of the prediction that found each at the main threshold, nan for none."""
        finder = self.matches.found_by[-1]
        return np.where(finder >= 0, np.append(self.scores, np.nan)[finder], np.nan)

    @property
    def operating_thresholds(self) -> Thresholds:
        """Threshold of best F1 of each class by name, and of all pooled."""
        overall = self.curves[None].best()
        return Thresholds(
            overall['threshold'] if overall else 0.0,
            {self.results.classes[label]: float(self.thresholds[label]) for label in self.labels},
            self.main_tiou,
        )

    def summary(self) -> dict:
        """``average_mAP`` and ``mAP@...`` in percent, as a test run reports them."""
        average, values = mean_average_precision(self.ap)
        return dict(
            average_mAP=100 * average,
            **{f'mAP@{tiou:g}': 100 * value for tiou, value in zip(self.tious, values)},
        )

    def document(self, title: str = '') -> dict:
        """The content of ``report.json``; AP and mAP in percent, all other shares in [0, 1]."""
        summary = self.summary()
        groups = characteristics(self.gt, self._durations(), self.buckets)
        standing = standings(self.gt, self.matches.found_by[:-1], self.matches.rank)
        results = self.results
        return dict(
            title=title,
            subset=results.subset,
            tious=self.tious,
            main_tiou=self.main_tiou,
            num_videos=len(results.durations),
            num_gt=len(self.gt),
            num_det=len(self.det),
            average_mAP=summary['average_mAP'],
            mAP={f'{tiou:g}': summary[f'mAP@{tiou:g}'] for tiou in self.tious},
            classes=self._classes(),
            operating_points=self._operating_points(),
            false_positives=self.false_positives,
            false_negatives=dict(false_negatives(self.gt, standing, groups), buckets=self.buckets),
            sensitivity=dict(
                sensitivity(self.gt, standing, groups),
                buckets=self.buckets,
                mean_instances_of_a_class=len(self.gt) / len(self.labels),
            ),
            ceilings=self._ceilings(),
            confusion=self._confusion(),
            videos=self._videos(),
            curves={
                name: {
                    key: values.tolist()
                    for key, values in curve.thin(MAX_CURVE_POINTS)._asdict().items()
                }
                for name, curve in self._named_curves()
            },
            calibration={
                key: value if key == 'error' else value.tolist()
                for key, value in calibration(self.scores, self.correct).items()
            },
            average_recall=self._average_recall(),
            durations=self._durations_found(),
        )

    def _durations(self) -> np.ndarray:
        return np.array(
            [self.results.durations.get(video, np.nan) for video in self.results.videos], np.float64
        )

    def _named_curves(self):
        names = self.results.classes
        return [
            ('' if label is None else names[label], curve) for label, curve in self.curves.items()
        ]

    def _classes(self) -> list:
        count = np.bincount(self.det.labels, minlength=len(self.results.classes))
        rows = [
            dict(
                name=self.results.classes[label],
                num_gt=int(self.num_gt[label]),
                num_det=int(count[label]),
                mean_AP=100 * mean_average_precision(row[None])[0],
                AP={f'{tiou:g}': 100 * float(x) for tiou, x in zip(self.tious, row)},
            )
            for label, row in zip(self.labels, self.ap)
        ]
        return sorted(rows, key=lambda row: -row['mean_AP'])

    def _operating_points(self) -> dict:
        return dict(
            tiou=self.main_tiou,
            overall=self.curves[None].best(),
            classes={
                self.results.classes[label]: self.curves[int(label)].best() for label in self.labels
            },
        )

    @cached_property
    def false_positives(self) -> dict:
        """Each kind among the best G predictions of each class and among all, and its cost."""
        average = self.summary()['average_mAP'] / 100
        profile = errors.false_positive_profile(
            self.kinds[-1], self.matches.rank, self.num_gt[self.det.labels]
        )
        gains = errors.removal_gain(self.gt, self.det, self.kinds[:-1], self.tious, average)
        return dict(
            rule=self.rule,
            tiou=self.main_tiou,
            kinds={
                kind: dict(
                    best_G=int(profile[0, i]),
                    all=int((self.kinds[-1] == i).sum()),
                    gain=100 * gains[kind] if i else None,
                )
                for i, kind in enumerate(errors.KINDS)
            },
            profile=profile.tolist(),
        )

    def _ceilings(self) -> dict:
        found = ceilings(self.gt, self.det, self.overlaps, self.matches.found_by[:-1], self.tious)
        return {
            name: dict(
                average_mAP=100 * float(values.mean()),
                mAP={f'{tiou:g}': 100 * float(x) for tiou, x in zip(self.tious, values)},
            )
            for name, values in found.items()
        }

    def _confusion(self) -> dict:
        """Among the predictions that reach the best threshold of their class."""
        matrix = confusion_matrix(
            self.gt,
            self.det,
            self.overlaps,
            self.correct,
            self.main_tiou,
            len(self.results.classes),
            self.scores >= self.thresholds[self.det.labels],
        )
        return dict(tiou=self.main_tiou, classes=list(self.results.classes), counts=matrix.tolist())

    def _average_recall(self) -> dict:
        recall = proposal_recall(self.gt, self.det, PROPOSAL_TIOUS, PROPOSAL_COUNTS)
        return dict(
            proposals=list(PROPOSAL_COUNTS),
            tious=list(PROPOSAL_TIOUS),
            average_recall=recall.mean(axis=0).tolist(),
        )

    def _durations_found(self) -> dict:
        """Lengths of ground truth and of the prediction that found it at the main threshold."""
        finder = self.matches.found_by[-1]
        rows = np.flatnonzero(finder >= 0)
        rows = rows[
            np.unique(
                np.linspace(0, len(rows) - 1, min(len(rows), MAX_DURATIONS)).round().astype(int)
            )
        ]
        true, predicted = (
            np.diff(table.segments[index]).reshape(-1).tolist()
            for table, index in ((self.gt, rows), (self.det, finder[rows]))
        )
        return dict(num_found=int((finder >= 0).sum()), true=true, predicted=predicted)

    def _videos(self) -> list:
        """Worst first; false alarms and misses at the best threshold of each class."""
        shown = self.scores >= self.thresholds[self.det.labels]
        # A ground truth that is not found has a score of nan, which reaches nothing.
        missed = ~(self.found_score >= self.thresholds[self.gt.labels])
        size = len(self.results.videos)
        columns = dict(
            num_gt=np.bincount(self.gt.videos, minlength=size),
            num_det=np.bincount(self.det.videos, minlength=size),
            false_alarms=np.bincount(self.det.videos, shown & ~self.correct, size).astype(int),
            misses=np.bincount(self.gt.videos, missed, size).astype(int),
        )
        scores = self.results.video_scores(self.tious)
        rows = [
            dict(
                name=name,
                duration=self.results.durations.get(name),
                average_mAP=100 * scores[name] if name in scores else None,
                **{key: int(values[i]) for key, values in columns.items()},
            )
            for i, name in enumerate(self.results.videos)
        ]
        return sorted(rows, key=lambda row: (row['average_mAP'] is None, row['average_mAP']))
