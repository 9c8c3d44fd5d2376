# SPDX-License-Identifier: Apache-2.0
"""The errors of everything that is wrong with a data set."""


class DataError(ValueError):
    """Annotations or features that are there but cannot be used as they are.

    The message is one sentence or two that name the file, the video where there is one,
    what was expected and what was found. Files that are absent raise ``FileNotFoundError``.
    """


class FormatError(DataError):
    """A file that is not what its format promises.

    Args:
        path (str | Path): The file.
        expected (str): What belongs there.
        found (object): What is there instead.
        video (str, optional): The video concerned.
    """

    def __init__(self, path, expected: str, found, video=None):
        where = f'{path}: ' + (f'video {video}: ' if video is not None else '')
        super().__init__(f'{where}expected {expected}, found {found}')
