# SPDX-License-Identifier: Apache-2.0
"""The one inspection of a data set: training raises its first error, the checker lists all."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ..errors import MissingFileError, TmxError
from ..structures.annotations import IGNORED_LABELS
from ..utils.names import either, some
from .annotation_files import read_annotations, resolve_classes, sorted_labels
from .checks.features import FeatureFacts, feature_findings, read_all
from .checks.findings import Finding
from .checks.geometry import length_findings, stream_findings
from .checks.segment_checks import class_findings, segment_findings
from .feature_io import FEATURE_SUFFIXES
from .feature_spec import FeatureSpec
from .side_file import side_file_conflicts


@dataclass
class Inspection:
    """What is known of a data set, and all that is wrong with it.

    Attributes:
        videos (list[VideoAnnotation]): All videos of the annotation file.
        classes (tuple[str]): Class names; behind them labels that are wrongly in no list.
        data_list (list[dict]): Videos of the subset, as ``TALDataset.get_data_info`` has them.
        missing (dict[str, str]): An absent feature file by video.
        facts (FeatureFacts): Of the features of the other videos.
        findings (list[Finding]): Errors and warnings, in the order in which they were found.
    """

    videos: list = field(default_factory=list)
    classes: tuple = ()
    data_list: list = field(default_factory=list)
    missing: dict = field(default_factory=dict)
    facts: FeatureFacts = field(default_factory=FeatureFacts)
    findings: list = field(default_factory=list)

    @property
    def readable(self) -> list:
        """Those of ``data_list`` whose feature files exist."""
        return [info for info in self.data_list if info['video_id'] not in self.missing]

    def has(self, check: str, level: str = 'error') -> bool:
        """Whether a check found something."""
        return any(f.check == check and f.level == level for f in self.findings)

    def add(self, level: str, check: str, message: str, items=(), error=None) -> None:
        """Add a finding."""
        self.findings.append(Finding(level, check, message, list(items), error))

    @contextmanager
    def noting(self, check: str) -> Iterator[None]:
        """Turn an error that explains itself into a finding."""
        try:
            yield
        except TmxError as error:
            self.add('error', check, str(error), error=error)


def inspect(dataset, *, values: bool = False, progress=iter) -> Inspection:
    """Look at annotations, classes, feature files and what they say of each other.

    Args:
        dataset (TALDataset): May be built with ``lazy_init=True``; it is not changed.
        values (bool): Read the values of all features, not only the heads of the files.
        progress (Callable): Wraps the list of videos while features are read.

    Returns:
        Inspection: As far as the data allow; with an error among the findings, training does not
        start.
    """
    found = Inspection()
    with found.noting('annotations'):
        found.videos = read_annotations(dataset.ann_file, dataset.HINT)
    if not found.videos:
        return found
    _find_classes(dataset, found)
    _find_videos(dataset, found)
    _find_features(dataset, found)
    if not found.data_list:
        if not any(finding.level == 'error' for finding in found.findings):
            found.add(
                'error',
                'subsets',
                f'no video of subset {either(dataset.subset)} is left '
                'after the block list and missing features',
            )
        return found
    _check_features(dataset.spec, found, values, progress)
    found.findings += segment_findings(found.data_list)
    found.findings += class_findings(
        found.data_list, found.classes, 'test' if dataset.test_mode else 'train'
    )
    if not dataset.test_mode and not any(len(dataset.trains_on(info)) for info in found.data_list):
        found.add(
            'error',
            'segments',
            f'none of the {len(found.data_list)} videos of subset '
            f'{either(dataset.subset)} has a segment to train on',
        )
    return found


def _find_classes(dataset, found: Inspection) -> None:
    used = sorted_labels(found.videos)
    classes, source = (), ''
    with found.noting('classes'):
        classes, source = resolve_classes(
            dataset.metainfo.get('classes'), dataset.class_file, dataset.HINT
        )
    known = {*(classes or used), *IGNORED_LABELS}
    unknown = [
        (label, video.video_id)
        for video in found.videos
        for label in video.labels
        if label not in known
    ]
    if unknown:
        counts = Counter(label for label, _ in unknown)
        found.add(
            'error',
            'classes',
            f'video {unknown[0][1]!r}: expected one of the '
            f'{len(classes)} labels of {source}, found '
            + some([f'{label!r} ({count} segments)' for label, count in counts.items()], 10),
            counts,
        )
    # Go on with every label, so that the other checks see all segments.
    found.classes = (*(classes or used), *dict.fromkeys(label for label, _ in unknown))


def _find_videos(dataset, found: Inspection) -> None:
    available = {video.subset for video in found.videos}
    wanted, blocked = dataset.match_subset(available), set()
    if not wanted:
        found.add(
            'error',
            'subsets',
            f'expected videos of subset {either(dataset.subset)}, found '
            f'only {either(sorted(available))}',
        )
    with found.noting('block list'):
        blocked = dataset.read_block_list()
    errors = []
    for video in found.videos:
        if video.subset in wanted and video.video_id not in blocked:
            try:
                found.data_list.append(dataset.describe(video, found.classes))
            except TmxError as error:  # neither frames nor fps
                errors.append((video.video_id, error))
    if errors:
        names = [name for name, _ in errors]
        found.add('error', 'fps', str(errors[0][1]), names, errors[0][1])


def _find_features(dataset, found: Inspection) -> None:
    for info in found.data_list:
        for path in info['feature_paths']:
            if not os.path.isfile(path):
                found.missing[info['video_id']] = path
    if not found.missing:
        return
    absent = (
        f'the features of {len(found.missing)} of {len(found.data_list)} videos of subset '
        f'{either(dataset.subset)} are not there'
    )
    if dataset.missing == 'error':
        files = some([f'{path} (video {name!r})' for name, path in found.missing.items()])
        text = (
            f'{absent}: {files}. {name_hint(found.missing)}{dataset.HINT} '
            "Or set missing='skip' to go on without these videos."
        )
        found.add(
            'error',
            'missing',
            text,
            found.missing.values(),
            MissingFileError(f'{dataset.ann_file}: {text}'),
        )
    else:
        found.add(
            'warning',
            'missing',
            f'{absent}; going on without {", ".join(found.missing)}',
            found.missing.values(),
        )
        found.data_list = found.readable


def name_hint(absent: dict) -> str:
    """What file names in the folder have around the video's name, where one text does for all.

    Args:
        absent (dict[str, str]): Path of the absent feature file, by video.

    Returns:
        str: A sentence with a blank behind it, or ''.
    """
    video, path = next(iter(absent.items()))
    folder = Path(path).parent
    names = [entry.name for entry in os.scandir(folder)] if folder.is_dir() else []
    base = Path(video).name
    for name in sorted(names, key=len):
        before, found, after = name.partition(base)
        if found and Path(name).suffix in FEATURE_SUFFIXES:
            return (
                f'{folder / name} exists: try feature_prefix={before!r}, feature_suffix={after!r}. '
            )
    return ''


def _check_features(spec: FeatureSpec, found: Inspection, values: bool, progress) -> None:
    conflicts: list[str] = []
    for info in found.readable:
        with found.noting('side files'):
            conflicts += side_file_conflicts(
                info, feature_stride=spec.feature_stride, offset_frames=spec.offset_frames
            )
    if conflicts:
        more = f' (and {len(conflicts) - 1} more of this kind)' if len(conflicts) > 1 else ''
        found.add('error', 'side files', conflicts[0] + more, conflicts)
    facts = found.facts = read_all(
        found.readable,
        layout=spec.layout,
        values=values,
        progress=progress,
        sample_stride=spec.sample_stride,
    )
    found.findings += feature_findings(facts, channels=spec.channels, layout=spec.layout)
    found.findings += length_findings(
        found.readable,
        facts.lengths,
        widths=facts.widths,
        sample_stride=spec.sample_stride,
        layout=spec.layout,
    )
    found.findings += stream_findings(facts.file_lengths)


def unwrap(dataset) -> Iterator:
    """The data sets of features inside wrappers, such as those that repeat or concatenate.

    Args:
        dataset (Dataset | Mapping): A data set, or the config of one.
    """
    get = dataset.get if isinstance(dataset, Mapping) else partial(getattr, dataset)
    if get('ann_file', None) is not None:
        yield dataset
    for part in get('datasets', None) or [get('dataset', None)]:
        if part is not None:
            yield from unwrap(part)
