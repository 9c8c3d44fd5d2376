# SPDX-License-Identifier: Apache-2.0
"""The metric of temporal action localization for MMEngine's loops."""

import logging
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import torch
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.structures import BaseDataElement

from tmx_plugin.exporters import to_detections, write_activitynet

from ..errors import ConfigError, DataError
from ..utils.names import some
from .functional import (
    SegmentTable,
    average_precision,
    clean_ground_truth,
    describe_unmatched,
    mean_average_precision,
    topk_recall,
)
from .functional.rounding import round_decimals


@METRICS.register_module()
class TALMetric(BaseMetric):
    """Mean average precision at tIoU thresholds, by the ActivityNet protocol.

    Takes data samples with ``pred_instances.{segments, scores, labels}`` (segments in seconds) and,
    as metainfo, ``video_id``, ``gt_segments_sec`` (G, 2) and ``gt_segment_labels`` (G,).
    Class names come from the dataset's metainfo ``classes``.

    Reports ``average_mAP``, ``mAP@<tIoU>`` and, if asked for, ``recall@<tIoU>@<k>``, in percent.

    Args:
        tiou_thresholds (Sequence[float]): Thresholds in (0, 1].
        round_results (bool): Round seconds to 2 and scores to 4 decimals before evaluation, as
            Python's ``round`` does. Published results were computed on numbers so written. False
            evaluates the exact predictions. Defaults to True.
        recall_top_k (Sequence[int]): Multiples k for recall at top-kx; see
            :func:`tmx_plugin.evaluation.functional.topk_recall`. Defaults to none.
        classwise (bool): Log a table with the AP of each class. Defaults to False.
        out_file (str, optional): Write the predictions here, as ActivityNet json.
        keep_repeats (bool): Count ground truth that repeats an earlier one of its label within
            1 ms. The official ActivityNet evaluation does; both public implementations of
            TemporalMaxer drop repeats. Defaults to False.
        **kwargs: ``collect_device``, ``prefix``, ``collect_dir`` of MMEngine's ``BaseMetric``.

    Example:
        >>> test_evaluator = dict(type='TALMetric', tiou_thresholds=[.3, .4, .5, .6, .7])
    """

    # Not None, which MMEngine warns of at every start: the names are meant to have no prefix.
    default_prefix = ''

    def __init__(
        self,
        tiou_thresholds: Sequence[float] = (0.3, 0.4, 0.5, 0.6, 0.7),
        round_results: bool = True,
        recall_top_k: Sequence[int] = (),
        classwise: bool = False,
        out_file: Optional[str] = None,
        keep_repeats: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(tiou_thresholds, (int, float)):
            tiou_thresholds = [tiou_thresholds]
        if not len(tiou_thresholds) or not all(0 < t <= 1 for t in tiou_thresholds):
            raise ConfigError(f'tiou_thresholds must be in (0, 1], got {tiou_thresholds}')
        if not all(k >= 1 for k in recall_top_k):
            raise ConfigError(f'recall_top_k must be positive, got {recall_top_k}')
        self.tiou_thresholds = [float(t) for t in tiou_thresholds]
        self.round_results = round_results
        self.recall_top_k = list(recall_top_k)
        self.classwise = classwise
        self.out_file = out_file
        self.keep_repeats = keep_repeats

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the predictions and ground truth of a batch, on the CPU.

        Args:
            data_batch: Not used.
            data_samples (Sequence[dict | ActionDataSample]): As described for the class.

        Raises:
            ConfigError: If a data sample lacks what the metric needs.
        """
        for sample in data_samples:
            if isinstance(sample, BaseDataElement):
                sample = sample.to_dict()
            needed = ('video_id', 'gt_segments_sec', 'gt_segment_labels', 'pred_instances')
            lacking = [key for key in needed if key not in sample]
            if lacking:
                raise ConfigError(
                    f'video {sample.get("video_id")!r}: expected {", ".join(needed)} in the data '
                    f'sample, {", ".join(lacking)} not found'
                )
            pred = sample['pred_instances']
            segments, scores = (_to_numpy(pred[key]) for key in ('segments', 'scores'))
            if self.round_results:
                segments, scores = round_decimals(segments, 2), round_decimals(scores, 4)
            self.results.append(
                dict(
                    video_id=sample['video_id'],
                    gt_segments=_to_numpy(sample['gt_segments_sec']),
                    gt_labels=_to_numpy(sample['gt_segment_labels']),
                    segments=segments,
                    scores=scores,
                    labels=_to_numpy(pred['labels']),
                )
            )

    def compute_metrics(self, results: list) -> dict:
        """Evaluate all videos.

        Args:
            results (list[dict]): What :meth:`process` kept, in the order of the dataset.

        Returns:
            dict[str, float]: ``average_mAP``, ``mAP@0.5`` ... in percent.

        Raises:
            DataError: If there is no ground truth at all, or a video comes twice.
        """
        self._check(results)
        if self.out_file:
            self._write(results, self.out_file)
        gt = _table(results, 'gt_segments', 'gt_labels')
        det = _table(results, 'segments', 'labels', 'scores')
        self._warn_of_unmatched(gt, det)
        classes, ap = average_precision(
            gt, det, self.tiou_thresholds, keep_repeats=self.keep_repeats
        )
        if self.classwise:
            self._log_classes(classes, ap, gt, det)
        average, values = mean_average_precision(ap)
        metrics = dict(average_mAP=100 * average)
        for threshold, value in zip(self.tiou_thresholds, values):
            metrics[f'mAP@{threshold:g}'] = 100 * value
        if self.recall_top_k:
            recall = topk_recall(
                gt, det, self.tiou_thresholds, self.recall_top_k, keep_repeats=self.keep_repeats
            )[1].mean(axis=0)
            for threshold, row in zip(self.tiou_thresholds, recall):
                for k, value in zip(self.recall_top_k, row):
                    metrics[f'recall@{threshold:g}@{k}'] = float(value * 100)
        return metrics

    def _check(self, results: list) -> None:
        seen = set()
        for result in results:
            if result['video_id'] in seen:
                raise DataError(
                    f'video {result["video_id"]!r}: expected to be evaluated once, found twice'
                )
            seen.add(result['video_id'])
        for result in results:
            for key in ('segments', 'scores'):
                if not np.isfinite(result[key]).all():
                    raise DataError(
                        f'video {result["video_id"]!r}: expected finite numbers as '
                        f'predicted {key}, found NaN or infinity'
                    )
        if not any(
            (result['gt_segments'][:, 1] > result['gt_segments'][:, 0]).any() for result in results
        ):
            meta = self.dataset_meta or {}
            names = list(meta.get('classes', ()))
            raise DataError(
                f'no ground truth to evaluate on: {len(results)} videos '
                f'({some([result["video_id"] for result in results], 5)}) of subset '
                f'{meta.get("subset", "(see the dataset)")} hold no segment with end > start of '
                f'the {len(names)} classes ({some(names, 5) or "none"}). Check the `subset`, '
                '`ann_file` and `class_file` of the dataset'
            )

    def _warn_of_unmatched(self, gt: SegmentTable, det: SegmentTable) -> None:
        """Warn where most predictions are of classes without ground truth."""
        names = (self.dataset_meta or {}).get('classes')
        present = set(gt.labels.tolist())
        if not names or 2 * np.isin(det.labels, list(present)).sum() >= len(det):
            return
        for sentence in describe_unmatched(
            {'': [names[label] for label in det.labels]}, [names[i] for i in present], ['']
        ):
            print_log(sentence, 'current', logging.WARNING)

    def _classes(self) -> Sequence[str]:
        classes = (self.dataset_meta or {}).get('classes')
        if not classes:
            raise ConfigError(
                'class names are needed: expected `classes` in the metainfo of the '
                f'dataset, found {self.dataset_meta}'
            )
        return classes

    def _write(self, results: list, out_file: str) -> None:
        classes = self._classes()
        path = write_activitynet(
            {
                result['video_id']: to_detections(
                    result['segments'], result['scores'], result['labels'], classes
                )
                for result in results
            },
            out_file,
        )
        print_log(f'Predictions of {len(results)} videos were written to {path}', 'current')

    def _log_classes(
        self, classes: np.ndarray, ap: np.ndarray, gt: SegmentTable, det: SegmentTable
    ) -> None:
        names = self._classes()
        rows = [
            ['class', 'segments', 'predictions', *(f'{t:g}' for t in self.tiou_thresholds), 'mean']
        ]
        labels = clean_ground_truth(gt, keep_repeats=self.keep_repeats).labels
        for label, row in zip(classes, ap * 100):
            counts = [(labels == label).sum(), (det.labels == label).sum()]
            rows.append(
                [names[label], *map(str, counts), *(f'{value:.2f}' for value in [*row, row.mean()])]
            )
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = [
            '  '.join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
            for row in rows
        ]
        print_log('\n'.join(['AP of each class, in percent', *lines]), 'current')


def _to_numpy(values: Any) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        if values.dtype == torch.bfloat16:  # numpy has no such type
            values = values.float()
    values = np.asarray(values)
    return values.astype(np.int64 if values.dtype.kind in 'iu' else np.float64)


def _table(results: list, segments: str, labels: str, scores: Optional[str] = None) -> SegmentTable:
    def column(key: Any) -> np.ndarray:
        return np.concatenate([result[key] for result in results])

    counts = [len(result[labels]) for result in results]
    return SegmentTable(
        videos=np.repeat(np.arange(len(results)), counts),
        segments=column(segments),
        labels=column(labels),
        scores=column(scores) if scores else None,
    )
