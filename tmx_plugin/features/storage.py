# SPDX-License-Identifier: Apache-2.0
"""Feature files: ``NAME.npy`` and what it is, ``NAME.json``, beside it."""

import os
from pathlib import Path

import numpy as np

from ..datasets.side_file import read_side_file, side_file_of, write_side_file
from ..errors import DataError, FormatError, MissingFileError
from ..utils.files import VIDEO_SUFFIXES, explained_os_errors, save_array
from ..utils.text_files import read_lines


def find_files(
    source, suffixes: tuple[str, ...] = VIDEO_SUFFIXES
) -> tuple[list[tuple[str, Path]], dict[str, str]]:
    """The files meant by a file, a folder (with its sub-folders) or a ``.txt`` list of files.

    Args:
        source (str | Path | Sequence): A file of any suffix, a folder, or a text file with one
            path a line; relative paths in it start at its own folder or, failing that, at the
            current one. Or several of them.
        suffixes (tuple[str]): What to take from a folder.

    Returns:
        tuple: Name (path inside the folder, else file name, without suffix) and path of each, of
        which those of a list need not exist; and, by name, a sentence on the files that are left
        out because one output would be the other's.

    Raises:
        MissingFileError: If ``source`` is not there, or a folder holds no such file.
        FormatError: If a list is empty or no text.
    """
    sources = [source] if isinstance(source, (str, os.PathLike)) else source
    paths_by_name: dict[str, list[Path]] = {}
    for each in sources:
        for name, path in dict.fromkeys(_candidates(Path(each), suffixes)):
            paths_by_name.setdefault(name, []).append(path)
    return (
        [(name, paths[0]) for name, paths in paths_by_name.items() if len(paths) == 1],
        {
            name: f'{" and ".join(map(str, paths))} would both be called {name!r}; rename one, or '
            'give them separately'
            for name, paths in paths_by_name.items()
            if len(paths) > 1
        },
    )


def _candidates(root: Path, suffixes: tuple[str, ...]) -> list[tuple[str, Path]]:
    if root.is_dir():
        paths = sorted(
            path
            for path in root.rglob('*')
            if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith('.')
        )  # nor what a killed process left
        if not paths:
            raise MissingFileError(f'{root}: holds no file ending in {", ".join(suffixes)}')
        return [(path.relative_to(root).with_suffix('').as_posix(), path) for path in paths]
    if not root.is_file():
        raise MissingFileError(f'{root}: no such file or folder')
    if root.suffix == '.txt':
        paths = [
            root.parent / line if _is_file(root.parent / line) else Path(line)
            for line in read_lines(root)
        ]
        if not paths:
            raise FormatError(root, 'a path in each line', 'an empty list')
        return [(path.stem, path) for path in paths]
    return [(root.stem, root)]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # longer than a path can be
        return False


def write_features(path: Path, features: np.ndarray, info: dict) -> None:
    """Write ``(T, C)`` features to ``path`` (.npy) and ``info`` beside it (.json).

    The side file comes last and an old one goes first, so a side file always describes the
    features beside it.
    """
    side_file = side_file_of(path)
    with explained_os_errors(side_file):
        side_file.unlink(missing_ok=True)
    save_array(path, features)
    write_side_file(path, info)


def is_complete(path: Path, settings: dict) -> bool:
    """Whether ``path`` holds features made with ``settings``.

    Returns:
        bool: False where the file or its side file is missing, or they do not fit each other.

    Raises:
        DataError: If the features are complete but were made with other settings.
    """
    info = read_side_file(path)
    if info is None or not path.is_file():
        return False
    shape = np.load(path, mmap_mode='r', allow_pickle=False).shape
    if shape != (info.get('length'), info.get('channels')):
        return False
    differing = [
        f'{key} {info.get(key)!r} (now {value!r})'
        for key, value in settings.items()
        if info.get(key) != value
    ]
    if differing:
        raise DataError(
            f'{path}: exists, made with {", ".join(differing)}; choose another folder or overwrite'
        )
    return True
