# SPDX-License-Identifier: Apache-2.0
"""Class names of the released models, in the order they were trained with."""

from pathlib import Path

from ..structures.epic_constants import NOUNS_WITHOUT_INSTANCE
from .annotation_files import read_class_list

_FOLDER = Path(__file__).with_name('class_lists')
NAMES = ('thumos14', 'multithumos', 'epic_verb', 'epic_noun')


def released_classes(name: str, count: int) -> tuple[str, ...]:
    """Class names of a released model; empty where the count is not that of the data set.

    Args:
        name (str): One of :data:`NAMES`.
        count (int): Classes of the model. Of EPIC-Kitchens-100's nouns there are 300, or the 293
            that have an instance.

    Examples:
        >>> released_classes('thumos14', 20)[:2]
        ('BaseballPitch', 'BasketballDunk')
        >>> len(released_classes('epic_noun', 293)), len(released_classes('epic_noun', 300))
        (293, 300)
    """
    classes = read_class_list(_FOLDER / f'{name}.txt')
    if name == 'epic_noun' and count == len(classes) - len(NOUNS_WITHOUT_INSTANCE):
        return tuple(
            noun for number, noun in enumerate(classes) if number not in NOUNS_WITHOUT_INSTANCE
        )
    return classes if len(classes) == count else ()
