# SPDX-License-Identifier: Apache-2.0
"""Which segments and points can meet in training, by the geometric part of the assignment."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from ..datasets.checks.findings import Finding
from ..datasets.checks.segment_checks import grid_segments
from ..models.task_modules.points import pyramid_points
from ..models.task_modules.sim_ota_assigner import matching_pairs, pairs_inside

#: Upper end of the last range: as good as none.
UNLIMITED = 10000
#: Doubling ranges regress up to four strides; the open range of the last level twice that.
LONG_STRIDES = 8


@dataclass
class Coverage:
    """How regression ranges fit segments.

    Attributes:
        ranges (list[tuple]): Regression range of each level, grid steps.
        half_length (np.ndarray): (S,) half the lengths of all segments, grid steps: the distance
            that a point at the centre of a segment has to reach.
        matched (np.ndarray): (S,) bool, whether any point learns the segment's class.
        per_level (list[int]): Number of segments with such a point on each level.
        points (int): Number of points, over all videos and levels.
        positive_points (int): Number of those that learn a class.
    """

    ranges: list
    half_length: np.ndarray
    matched: np.ndarray
    per_level: list
    points: int = 0
    positive_points: int = 0


def measure_coverage(data_list, lengths, ranges, *, center_radius=1.5) -> Coverage:
    """Match points and segments of whole videos.

    Args:
        data_list (list[dict]): Videos, as :class:`TALDataset` describes them.
        lengths (dict[str, int]): T of the videos; others are left out.
        ranges (Sequence[tuple[float, float]]): Regression ranges, grid steps.
        center_radius (float): Of the assigner, in strides.

    Returns:
        Coverage: Without the costs, which depend on a model: a point is positive if its place and
        level suit a segment and no shorter one does there.
    """
    strides = [2**level for level in range(len(ranges))]
    half, matched = [], []
    coverage = Coverage(list(ranges), np.zeros(0), np.zeros(0, dtype=bool), [0] * len(ranges))
    for info in data_list:
        if info['video_id'] not in lengths:
            continue
        grid = torch.from_numpy(grid_segments(info)).float()
        # Level l has ceil(T / 2^l) points.
        counts = [-(-lengths[info['video_id']] // stride) for stride in strides]
        points = pyramid_points(counts, strides, ranges)
        hits = _matched_by_level(points, grid, counts, center_radius)  # (levels, G)
        coverage.points += len(points.time)
        coverage.positive_points += hits.pop('positive')
        for level in range(len(ranges)):
            coverage.per_level[level] += int(hits[level].sum())
        matched.append(torch.stack([hits[level] for level in range(len(ranges))]).any(0).numpy())
        half.append((grid[:, 1] - grid[:, 0]).numpy() / 2)
    if half:
        coverage.half_length, coverage.matched = np.concatenate(half), np.concatenate(matched)
    return coverage


def _matched_by_level(points, grid, counts, center_radius) -> dict:
    """(G,) bool of each level, and the number of points that learn a class as 'positive'."""
    valid = torch.ones(len(points.time), dtype=torch.bool)
    point_idx, gt_idx = pairs_inside(points, valid, grid)
    keep = matching_pairs(points[point_idx], point_idx, grid[gt_idx], len(valid), center_radius)
    point_idx, gt_idx = point_idx[keep], gt_idx[keep]
    level_of_point = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    result: dict = {'positive': len(point_idx.unique())}
    for level in range(len(counts)):
        hit = torch.zeros(len(grid), dtype=torch.bool)
        hit[gt_idx[level_of_point[point_idx] == level]] = True
        result[level] = hit
    return result


def suggest_ranges(half_length, *, first: float = 4, share: float = 0.99) -> list:
    """Regression ranges that double from level to level, as the strides do.

    So a level regresses two to four of its strides, and the last level is open. There are as many
    levels as it takes to reach half the length of ``share`` of the segments.

    Args:
        half_length (np.ndarray): Half the lengths of the segments, grid steps.
        first (float): Upper end of the first range.
        share (float): See above.

    Returns:
        list[tuple[float, float]]: At least two ranges.
    """
    usable = half_length[half_length > 0]
    longest = float(np.quantile(usable, share)) if len(usable) else first
    levels = max(math.ceil(math.log2(max(longest / first, 1))) + 1, 2)
    ends = [first * 2**level for level in range(levels - 1)]
    return [(low, high) for low, high in zip([0, *ends], [*ends, UNLIMITED])]


def coverage_findings(coverage: Coverage, data_list, lengths, *, center_radius=1.5) -> list:
    """Warnings about ranges that do not fit, and what would.

    Args:
        coverage (Coverage): From :func:`measure_coverage` with the same other arguments.
        data_list, lengths, center_radius: See :func:`measure_coverage`.
    """
    total, unmatched = len(coverage.matched), int((~coverage.matched).sum())
    if not total:
        return []
    findings = _mismatches(coverage, total, unmatched)
    if findings:
        findings += _range_advice(coverage, data_list, lengths, center_radius)
    short = float(np.mean(coverage.half_length < 1))
    if short > 0.1:
        findings.append(
            Finding(
                'advice',
                'ranges',
                f'{short:.0%} of the segments are shorter than '
                'two grid steps: features at a smaller stride would serve them',
            )
        )
    return findings


def _mismatches(coverage: Coverage, total: int, unmatched: int) -> list:
    findings = []
    if unmatched > 0.05 * total:
        level = 'error' if unmatched > 0.5 * total else 'warning'
        findings.append(
            Finding(
                level,
                'ranges',
                f'{unmatched} of {total} segments get no '
                'positive point: none near their centre lies on a level whose '
                'regression range suits them, or shorter segments have it',
            )
        )
    last = 2 ** (len(coverage.ranges) - 1)
    too_long = float(np.mean(coverage.half_length > LONG_STRIDES * last))
    if too_long > 0.01:
        findings.append(
            Finding(
                'warning',
                'ranges',
                f'{too_long:.0%} of the segments are longer '
                f'than {2 * LONG_STRIDES} strides of the last level '
                f'({2 * LONG_STRIDES * last} grid steps): hard to regress',
            )
        )
    idle = [level for level, count in enumerate(coverage.per_level) if not count]
    if idle:
        findings.append(
            Finding(
                'warning', 'ranges', f'no segment is learnt on the levels {idle} (counted from 0)'
            )
        )
    return findings


def _range_advice(coverage, data_list, lengths, center_radius) -> list:
    better = suggest_ranges(coverage.half_length)
    if better == [tuple(pair) for pair in coverage.ranges]:
        return []
    then = measure_coverage(data_list, lengths, better, center_radius=center_radius)
    now, share = coverage.matched.mean(), then.matched.mean()
    if share < now:
        return []
    return [
        Finding(
            'advice',
            'ranges',
            f'model.head.regression_ranges={better} with model.neck.'
            f'num_levels={len(better)} would give {share:.1%} of the segments a positive '
            f'point (now {now:.1%})',
        )
    ]
