# SPDX-License-Identifier: Apache-2.0
"""The error of everything that is wrong with a data set."""


class DataError(ValueError):
    """Annotations or features that are there but cannot be used as they are.

    The message is one sentence or two that name the file, the video where there is one,
    what was expected and what was found. Files that are absent raise ``FileNotFoundError``.
    """
