# SPDX-License-Identifier: Apache-2.0
"""Reading every feature of a data set once: damage, widths, NaN and infinity."""

from collections import Counter
from dataclasses import dataclass, field

from ...errors import TmxError
from ...utils.names import some
from ..feature_io import peek_shape, read_features
from ..feature_values import LIMIT, find_bad_values
from .findings import Finding


@dataclass
class FeatureFacts:
    """What is known of the features of videos, by video name.

    Attributes:
        lengths (dict[str, int]): T after ``sample_stride``, of the longest file of the video.
        file_lengths (dict[str, list[int]]): T of each file of the video.
        paths (dict[str, list[str]]): Files of the video.
        widths (dict[str, int]): Channels of all its files together, before ``channels``.
        damaged (dict[str, str]): What is wrong with videos that could not be read.
        not_finite (dict[str, int]): Number of values that are not finite, or so large that their
            squares are not, where there are any.
        zero (list[str]): Videos of nothing but zeros.
    """

    lengths: dict = field(default_factory=dict)
    file_lengths: dict = field(default_factory=dict)
    paths: dict = field(default_factory=dict)
    widths: dict = field(default_factory=dict)
    damaged: dict = field(default_factory=dict)
    not_finite: dict = field(default_factory=dict)
    zero: list = field(default_factory=list)


def read_all(data_list, *, layout='tc', sample_stride=1, values=True, progress=iter):
    """Read the features of videos and collect facts.

    Args:
        data_list (list[dict]): Videos whose files are there.
        layout (str): See :func:`read_features`.
        sample_stride (int): Every how many rows are used.
        values (bool): Look at the values too, not only at the shapes.
        progress (Callable): Wraps the list, to show progress.

    Returns:
        FeatureFacts: The facts.
    """
    facts = FeatureFacts()
    for info in progress(data_list):
        name = info['video_id']
        try:
            if values:
                arrays = [read_features(path, layout, name) for path in info['feature_paths']]
                shapes = [array.shape for array in arrays]
            else:
                shapes = [peek_shape(path, layout, name) for path in info['feature_paths']]
        except (TmxError, OSError) as error:
            facts.damaged[name] = str(error)
            continue
        facts.file_lengths[name] = [length for length, _ in shapes]
        facts.lengths[name] = -(-max(facts.file_lengths[name]) // sample_stride)
        facts.paths[name] = list(info['feature_paths'])
        facts.widths[name] = sum(width for _, width in shapes)
        if values:
            bad = sum(found.count for found in map(find_bad_values, arrays) if found)
            if bad:
                facts.not_finite[name] = bad
            elif not any(array.any() for array in arrays):
                facts.zero.append(name)
    return facts


def feature_findings(
    facts: FeatureFacts, *, expected_width=None, channels=None, layout='tc'
) -> list:
    """What is wrong with the features.

    Args:
        facts (FeatureFacts): From :func:`read_all`.
        expected_width (int, optional): Channels that the model takes.
        channels (tuple[int, int], optional): Channels ``lo:hi`` that the dataset takes.
        layout (str): How the files were read.

    Returns:
        list[Finding]: Errors and warnings.
    """
    findings = []
    if facts.damaged:
        first = next(iter(facts.damaged.values()))
        findings.append(
            Finding(
                'error',
                'features',
                f'the files of {len(facts.damaged)} videos cannot be read: {first}',
                list(facts.damaged),
            )
        )
    findings += width_findings(facts, expected_width, channels, layout)
    if facts.not_finite:
        name, count = next(iter(facts.not_finite.items()))
        findings.append(
            Finding(
                'error',
                'features',
                f'{len(facts.not_finite)} videos have NaN or infinity in their '
                f'features, or magnitudes from {LIMIT:g} on: expected finite numbers, found '
                f'{count} others in video {name!r}',
                list(facts.not_finite),
            )
        )
    if facts.zero:
        findings.append(
            Finding(
                'warning',
                'features',
                f'{len(facts.zero)} videos have nothing but zeros as features: {some(facts.zero)}',
                facts.zero,
            )
        )
    return findings


def _differing_widths(facts: FeatureFacts, by_width: dict, layout: str) -> Finding:
    found = ', '.join(f'{width} ({some(names, 1)})' for width, names in by_width.items())
    rare = min(by_width.values(), key=len)
    lengths = Counter(facts.lengths[names[0]] for names in by_width.values() if facts.lengths)
    hint = (
        f' (layout {layout!r}; are they stored the other way round?)'
        if any(count > 1 for count in lengths.values())
        else ''
    )
    files = ', '.join(facts.paths.get(rare[0], ()))
    return Finding(
        'error',
        'width',
        f'expected features of one width, found {found}{hint}' + (f': {files}' if files else ''),
        rare,
    )


def width_findings(facts: FeatureFacts, expected=None, channels=None, layout='tc') -> list:
    """Errors about widths of features that differ, or are not those wanted.

    Args:
        facts (FeatureFacts): See :func:`feature_findings`, as for the others.
        expected (int, optional): Channels that the model takes.
        channels (tuple[int, int], optional): Channels taken.
        layout (str): How the files were read.
    """
    by_width: dict = {}
    for name, width in facts.widths.items():
        by_width.setdefault(width, []).append(name)
    if len(by_width) > 1:
        return [_differing_widths(facts, by_width, layout)]
    if not by_width:
        return []
    ((width, names),) = by_width.items()
    if channels is not None:
        if channels[1] > width:
            return [
                Finding(
                    'error',
                    'width',
                    f'expected at least {channels[1]} channels to take '
                    f'{channels[0]}:{channels[1]} from, found {width} in video '
                    f'{names[0]!r}',
                    names,
                )
            ]
        width = channels[1] - channels[0]
    if expected is not None and width != expected:
        return [
            Finding(
                'error',
                'width',
                f'expected features of {expected} channels '
                f'(model.neck.in_channels), found {width} in video {names[0]!r}',
                names,
            )
        ]
    return []
