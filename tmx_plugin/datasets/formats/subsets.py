# SPDX-License-Identifier: Apache-2.0
"""Subsets for videos of formats that have none."""

import random

from ...errors import FormatError
from ...utils.text_files import read_lines
from .fields import video_name


def random_split(names, *, share=0.2, seed=0) -> dict:
    """Give ``share`` of the videos (one at least, where there are two) to 'validation'.

    The same names, share and seed give the same split, whatever the order of the names.
    """
    names = sorted(names)
    count = min(max(round(share * len(names)), 1), len(names) - 1) if share > 0 else 0
    held_out = set(random.Random(seed).sample(names, max(count, 0)))
    return {name: 'validation' if name in held_out else 'training' for name in names}


def listed_split(names, *, path) -> dict:
    """Give the videos named in a text file, one a line, to 'validation'.

    Names may end in ``.txt``, as those of a ``splits/*.bundle`` do.

    Raises:
        FormatError: If the file names a video without annotations.
    """
    listed = {video_name(line.removesuffix('.txt')) for line in read_lines(path)}
    unknown = sorted(listed - set(names))
    if unknown:
        raise FormatError(path, 'videos that have annotations', ', '.join(unknown[:5]))
    return {name: 'validation' if name in listed else 'training' for name in names}
