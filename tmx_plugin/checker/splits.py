# SPDX-License-Identifier: Apache-2.0
"""All checks of the data that a configuration reads, however much is wrong with it."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Optional

import numpy as np
from mmaction.registry import DATASETS

from ..datasets.annotation_files import IGNORED_LABELS
from ..datasets.checks.features import FeatureFacts, width_findings
from ..datasets.checks.findings import Finding
from ..datasets.checks.segment_checks import (
    class_count_findings,
    grid_segments,
    long_segment_findings,
)
from ..datasets.inspection import inspect, unwrap
from ..errors import DataError
from ..utils.names import some
from .advice import offset_findings, sampled_scales, scale_findings, window_findings
from .coverage import Coverage, coverage_findings, measure_coverage

SPLITS = ('train', 'val', 'test')


@dataclass
class ModelFacts:
    """What the model of a configuration expects of data; None where it does not say.

    Attributes:
        in_channels (int | None): Width of features.
        num_classes (int | None): Number of classes.
        ranges (list | None): Regression ranges, grid steps.
        num_levels (int | None): Levels of the pyramid.
        center_radius (float): Of the assigner, in strides.
        group_norm (bool): Whether the norms of the levels take statistics over time.
    """

    in_channels: Optional[int] = None
    num_classes: Optional[int] = None
    ranges: Optional[list] = None
    num_levels: Optional[int] = None
    center_radius: float = 1.5
    group_norm: bool = False

    @classmethod
    def of(cls, cfg) -> 'ModelFacts':
        """Facts of a configuration's ``model``."""
        model = cfg.get('model') or {}
        neck, head = model.get('neck') or {}, model.get('head') or {}
        ranges = head.get('regression_ranges')
        return cls(
            neck.get('in_channels'),
            head.get('num_classes'),
            [tuple(pair) for pair in ranges] if ranges else None,
            neck.get('num_levels'),
            (head.get('assigner') or {}).get('center_radius', 1.5),
            (neck.get('norm_cfg') or {}).get('type') == 'GN',
        )


@dataclass
class SplitReport:
    """What is known of one split.

    Attributes:
        split (str): 'train', 'val' or 'test'.
        ann_file (str): Annotation file.
        subset (str): Names of the wanted subsets.
        subsets (dict): Videos and segments of all subsets of the file, ``{name: (V, G)}``.
        classes (tuple): Class names.
        data_list (list[dict]): Videos that can be used.
        missing (dict): Absent feature file by video.
        facts (FeatureFacts): Of the features.
        coverage (Coverage | None): Of regression ranges.
        findings (list[Finding]): Results of all checks.
    """

    split: str
    ann_file: str = ''
    subset: str = ''
    subsets: dict = field(default_factory=dict)
    classes: tuple = ()
    data_list: list = field(default_factory=list)
    missing: dict = field(default_factory=dict)
    facts: FeatureFacts = field(default_factory=FeatureFacts)
    coverage: Optional[Coverage] = None
    findings: list = field(default_factory=list)

    def add(self, level, check, message, items=()):
        """Add a finding."""
        self.findings.append(Finding(level, check, message, list(items)))


def split_configs(cfg, splits=SPLITS) -> dict:
    """Datasets of a configuration: ``{split: [dataset config, ...]}`` without wrappers.

    A test split equal to the val split is left out, unless it alone is asked for.
    """
    found = {}
    for split in splits:
        loader = cfg.get(f'{split}_dataloader')
        if loader and loader.get('dataset'):
            found[split] = list(unwrap(loader['dataset']))
    if found.get('test') == found.get('val') and 'val' in found:
        del found['test']
    return found


def check_split(
    split: str, dataset_cfg: dict, model: ModelFacts, *, values: bool = True, progress=iter
) -> SplitReport:
    """Run all checks on one dataset of a configuration.

    Args:
        split (str): 'train', 'val' or 'test'.
        dataset_cfg (dict): Configuration of a :class:`TALDataset`.
        model (ModelFacts): What the model expects.
        values (bool): Read the values of all features, not only their shapes.
        progress (Callable): Wraps the list of videos while features are read.
    """
    dataset = DATASETS.build({**dataset_cfg, 'lazy_init': True})
    found = inspect(dataset, values=values, progress=progress)
    report = SplitReport(
        split,
        str(dataset.ann_file),
        ' or '.join(dataset.subset),
        _count_subsets(found.videos),
        found.classes,
        found.data_list,
        found.missing,
        found.facts,
        findings=found.findings,
    )
    if not found.videos:
        return report
    if model.num_classes is not None and not found.has('classes'):
        report.findings += class_count_findings(found.classes, model.num_classes)
    if not found.has('width'):
        report.findings += width_findings(found.facts, model.in_channels, dataset.spec.channels)
    facts, there = found.facts, found.readable
    report.findings += offset_findings(there, facts.lengths, dataset.spec.sample_stride)
    if split == 'train':
        _advise(report, dataset, dataset_cfg.get('pipeline') or (), model, there if values else ())
    _check_segments(report, model)
    return report


def _advise(report, dataset, pipeline, model, readable) -> None:
    """What training could do better on sound data."""
    steps = {step.get('type'): step for step in pipeline if isinstance(step, dict)}
    window = steps.get('RandomTruncation', {}).get('max_seq_len')
    report.findings += window_findings(report.facts.lengths, window, model.group_norm)
    if 'StandardizeFeatures' not in steps and len(set(report.facts.widths.values())) == 1:
        with suppress(DataError):  # features that cannot be read have findings of their own
            std = sampled_scales(list(readable), dataset.spec.layout, dataset.spec.channels)
            report.findings += [] if std is None else scale_findings(std)


def _count_subsets(videos) -> dict:
    """Videos and segments by subset."""
    subsets: dict = {}
    for video in videos:
        count = subsets.setdefault(video.subset, [0, 0])
        count[0] += 1
        count[1] += sum(label not in IGNORED_LABELS for label in video.labels)
    return subsets


def _check_segments(report, model):
    if not report.data_list:
        return
    ranges = model.ranges
    report.findings += long_segment_findings(report.data_list, ranges[-1][1]) if ranges else []
    # With a wrong stride or rate the grid is wrong too: no word on it then.
    if not ranges or any(f.check == 'length' and f.level == 'error' for f in report.findings):
        return
    if model.num_levels is not None and model.num_levels != len(ranges):
        report.add(
            'error',
            'ranges',
            f'expected {model.num_levels} regression ranges '
            f'(model.neck.num_levels), found {len(ranges)}',
        )
    late = _late_segments(report)
    if late:
        report.add(
            'warning',
            'segments',
            f'{len(late)} segments start behind the last feature (in {some(late)})',
            late,
        )
    report.coverage = measure_coverage(
        report.data_list, report.facts.lengths, ranges, center_radius=model.center_radius
    )
    if report.split == 'train':
        report.findings += coverage_findings(
            report.coverage,
            report.data_list,
            report.facts.lengths,
            center_radius=model.center_radius,
        )


def _late_segments(report) -> list:
    return [
        info['video_id']
        for info in report.data_list
        if info['video_id'] in report.facts.lengths
        for start in grid_segments(info)[info['segments_sec'][:, 0] < info['duration'], 0]
        if start > report.facts.lengths[info['video_id']] - 1
    ]


def compare_splits(reports) -> list:
    """Errors where the splits of one configuration contradict each other.

    Returns:
        list[Finding]: Findings on class lists and videos that are in two splits.
    """
    findings = []
    by_split = {report.split: report for report in reports}
    train = by_split.get('train')
    for name in ('val', 'test'):
        other = by_split.get(name)
        if train is None or other is None:
            continue
        if train.classes and other.classes and train.classes != other.classes:
            place = next(
                (
                    i
                    for i, pair in enumerate(zip(train.classes, other.classes))
                    if pair[0] != pair[1]
                ),
                min(len(train.classes), len(other.classes)),
            )
            findings.append(
                Finding(
                    'error',
                    'classes',
                    f'the class lists of train and {name} '
                    f'differ from label {place} on: train has '
                    f'{len(train.classes)} classes, {name} {len(other.classes)}',
                )
            )
        shared = sorted(
            {info['video_id'] for info in train.data_list}
            & {info['video_id'] for info in other.data_list}
        )
        if shared:
            findings.append(
                Finding(
                    'warning',
                    'subsets',
                    f'{len(shared)} videos are both in train and in {name}: {some(shared)}',
                    shared,
                )
            )
    return findings


def duration_stats(report) -> Optional[np.ndarray]:
    """Quantiles 0, .05, .5, .95, 1 of the lengths of segments that have one, in seconds."""
    segments = np.concatenate([np.zeros((0, 2)), *(x['segments_sec'] for x in report.data_list)])
    seconds = segments[:, 1] - segments[:, 0]
    seconds = seconds[seconds > 0]
    return np.quantile(seconds, [0, 0.05, 0.5, 0.95, 1]) if len(seconds) else None
