# SPDX-License-Identifier: Apache-2.0
"""What is annotated of a video, and how subsets and odd segments are understood everywhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

import numpy as np

#: Labels that are neither trained nor evaluated (THUMOS-14 marks doubtful segments so).
IGNORED_LABELS = ('Ambiguous',)

# Spellings of one subset; compared after case folding.
_SUBSET_SYNONYMS = {
    'train': 'training',
    'val': 'validation',
    'valid': 'validation',
    'testing': 'test',
}


@dataclass(frozen=True)
class VideoAnnotation:
    """What the annotation file says of one video.

    Attributes:
        video_id (str): Name of the video; feature files are named after it.
        subset (str): Subset as written in the file.
        duration (float): Length in seconds, positive.
        num_frames (int, optional): Length in frames.
        fps (float, optional): Frames a second.
        segments_sec (np.ndarray): Start and end, ``(G, 2)`` float64, seconds. Finite and not
            negative; an end may lie before its start or after the end of the video, since
            published annotations contain such segments.
        labels (tuple[str]): Names of the ``G`` classes.

    Example:
        >>> segments_sec = np.array([[1.5, 4.0], [6.0, 9.0]])
        >>> video = VideoAnnotation('v1', 'train', 12.0, 300, 25.0, segments_sec, ('run', 'jump'))
        >>> video.segments_sec.shape, video.labels
        ((2, 2), ('run', 'jump'))
    """

    video_id: str
    subset: str
    duration: float
    num_frames: Optional[int]
    fps: Optional[float]
    segments_sec: np.ndarray
    labels: tuple

    def as_json(self) -> dict:
        """The video as annotation files have it, without what is not known."""
        facts = dict(
            subset=self.subset, duration=self.duration, frame=self.num_frames, fps=self.fps
        )
        return dict(
            {key: value for key, value in facts.items() if value is not None},
            annotations=[
                dict(label=label, segment=segment)
                for label, segment in zip(self.labels, self.segments_sec.tolist())
            ],
        )


def match_subsets(wanted: Iterable[str], available: Iterable[str]) -> list:
    """Names in ``available`` that mean one of the ``wanted`` subsets.

    A name is taken as it is where the file has it; else case and the usual short forms
    (train, val) do not matter.

    Args:
        wanted (Iterable[str]): Subsets asked for.
        available (Iterable[str]): Subsets of the file.

    Returns:
        list[str]: Matching names of ``available``, sorted; empty if none matches.

    >>> match_subsets(['validation'], ['train', 'val'])
    ['val']
    """
    available = set(available)
    found = set()
    for name in wanted:
        found |= (
            {name}
            if name in available
            else {other for other in available if canonical_subset(other) == canonical_subset(name)}
        )
    return sorted(found)


def canonical_subset(name: str) -> str:
    """Spelling-independent form of a subset's name.

    >>> canonical_subset('Train'), canonical_subset('testing')
    ('training', 'test')
    """
    folded = name.casefold()
    return _SUBSET_SYNONYMS.get(folded, folded)


def odd_segments(segments_sec: np.ndarray, duration: float, step: float = 0.0) -> dict:
    """Which segments of a video are legal, but not as they should be.

    Args:
        segments_sec (np.ndarray): (G, 2), seconds.
        duration (float): Of the video, seconds.
        step (float): Seconds of a grid step, by which a segment may end after its video.

    Returns:
        dict[str, np.ndarray]: (G,) bool by a description.

    >>> {words: odd.tolist() for words, odd in odd_segments(np.array([[1., 1.], [8., 9.5]]), 9.
    ...                                                     ).items() if odd.any()}
    {'end at or before their start': [True, False], 'end after their video': [False, True]}
    """
    start, end = np.asarray(segments_sec, dtype=np.float64).reshape(-1, 2).T
    late = start >= duration
    return {
        'end at or before their start': end <= start,
        'start at or after the end of their video': late,
        f'end {"more than a grid step " if step else ""}after their video': ~late
        & (end > duration + step),
    }
