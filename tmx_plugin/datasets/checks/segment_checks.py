# SPDX-License-Identifier: Apache-2.0
"""Segments and classes that are legal, but of no use or not as meant."""

import numpy as np

from ...structures.annotations import odd_segments
from ...structures.video_time import VideoTime
from ...utils.names import some
from .findings import Finding


def grid_segments(info: dict) -> np.ndarray:
    """Segments (G, 2) of a video on its feature grid, float64, as training sees them."""
    time = VideoTime.of(info)
    return time.to_grid(time.to_frames(info['segments_sec']))


def segment_findings(data_list) -> list:
    """Warnings about segments that no point can learn, or that lie outside their video.

    Args:
        data_list (list[dict]): Videos, as :class:`TALDataset` describes them.

    Returns:
        list[Finding]: One for each kind of oddity there is.
    """

    def oddities(info):
        segments = info['segments_sec']
        short = (segments[:, 1] > segments[:, 0]) & (_grid_steps(info) < 1)
        return {
            **odd_segments(segments, info['duration'], VideoTime.of(info).step),
            'are shorter than one grid step': short,
        }

    return _segment_warnings(data_list, oddities)


def long_segment_findings(data_list, largest_range: float) -> list:
    """Warning about segments that are longer than the largest regression range reaches.

    Args:
        data_list (list[dict]): Videos, as :class:`TALDataset` describes them.
        largest_range (float): Upper end of the largest regression range, grid steps.
    """
    # From the centre, both ends are at half the length.
    words = (
        f'are longer than the largest regression range reaches ({2 * largest_range:g} grid steps)'
    )
    return _segment_warnings(data_list, lambda info: {words: _grid_steps(info) > 2 * largest_range})


def _grid_steps(info: dict) -> np.ndarray:
    """Lengths (G,) of a video's segments in grid steps."""
    grid = grid_segments(info)
    return grid[:, 1] - grid[:, 0]


def _segment_warnings(data_list, oddities) -> list:
    """A warning for each description that holds of any segment."""
    found: dict = {}
    for info in data_list:
        for words, odd in oddities(info).items():
            found.setdefault(words, []).extend([info['video_id']] * int(odd.sum()))
    total = sum(len(info['labels']) for info in data_list)
    return [
        Finding(
            'warning',
            'segments',
            f'{len(videos)} of {total} segments {words} (in {some(videos)})',
            videos,
        )
        for words, videos in found.items()
        if videos
    ]


def class_findings(data_list, classes, purpose: str) -> list:
    """Warning about classes without a segment.

    Args:
        data_list (list[dict]): Videos, as :class:`TALDataset` describes them.
        classes (Sequence[str]): Class names in the order of the labels.
        purpose (str): What the videos are for: 'train' or 'test'.

    Returns:
        list[Finding]: None or one.
    """
    labels = [info['labels'] for info in data_list] or [np.zeros(0, dtype=np.int64)]
    counts = np.bincount(np.concatenate(labels), minlength=len(classes))
    absent = [name for name, count in zip(classes, counts) if not count]
    if not absent:
        return []
    effect = 'it cannot be learnt' if purpose == 'train' else 'it does not count in mAP'
    if len(absent) > 1:
        effect = effect.replace('it does', 'they do').replace('it', 'they')
    return [
        Finding(
            'warning',
            'classes',
            f'{len(absent)} of {len(classes)} classes have no '
            f'segment to {purpose} on: {some(absent, 5)}; {effect}',
            absent,
        )
    ]


def class_count_findings(classes, num_classes) -> list:
    """Error where the class list and the model are of different sizes.

    Args:
        classes (Sequence[str]): Class names of the dataset.
        num_classes (int): Classes of the model.

    Returns:
        list[Finding]: None or one.
    """
    if len(classes) == num_classes:
        return []
    return [
        Finding(
            'error',
            'classes',
            f'expected {num_classes} classes (model.head.num_classes), '
            f'found {len(classes)} in the class list',
        )
    ]
