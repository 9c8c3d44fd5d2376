# SPDX-License-Identifier: Apache-2.0
"""Predictions that evaluation leaves out, in words."""

from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

_FEW = 3


def describe_unmatched(
    predicted: Mapping[str, Iterable[str]], labels: Iterable[str], videos: Iterable[str]
) -> list[str]:
    """Sentences on predictions whose label or video the ground truth does not have.

    Args:
        predicted (Mapping[str, Iterable[str]]): Labels of the predictions of each video.
        labels (Iterable[str]): Labels of the ground truth.
        videos (Iterable[str]): Videos of the ground truth, with and without segments.

    Returns:
        list[str]: None, one or two sentences with counts and the nearest names.

    Examples:
        >>> describe_unmatched(  # doctest: +ELLIPSIS
        ...     {'a': ['run', 'run', 'Jump']}, ['Run', 'Jump'], ['a'])
        ["2 of 3 predictions ... are left out: 'run' (2; nearest: 'Run')"]
    """
    by_label = Counter(label for found in predicted.values() for label in found)
    by_video = {video: len(list(found)) for video, found in predicted.items()}
    total = sum(by_label.values())
    sentences = []
    for counts, known, words in (
        (by_label, set(labels), 'have a label without ground truth and are left out'),
        (
            by_video,
            set(videos),
            'are in videos that the annotations do not have in this '
            'subset, and count as false positives',
        ),
    ):
        unknown = {name: count for name, count in counts.items() if name not in known and count}
        if unknown:
            sentences.append(
                f'{sum(unknown.values())} of {total} predictions {words}: ' + _named(unknown, known)
            )
    return sentences


def _named(unknown: dict, known: set) -> str:
    folded = {name.casefold(): name for name in sorted(known, reverse=True)}
    parts = []
    for name, count in sorted(unknown.items(), key=lambda item: -item[1])[:_FEW]:
        near = get_close_matches(name.casefold(), folded, n=1)
        parts.append(
            f'{name!r} ({count}' + (f'; nearest: {folded[near[0]]!r}' if near else '') + ')'
        )
    more = len(unknown) - len(parts)
    return ', '.join(parts) + (f' and {more} more names' if more else '')
