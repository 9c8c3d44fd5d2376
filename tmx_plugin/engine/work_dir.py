# SPDX-License-Identifier: Apache-2.0
"""A training's folder: one run at a time, and which of its checkpoints can be gone on from."""

import os
import re
from pathlib import Path
from typing import Callable, Optional

from tmx_plugin.errors import CheckpointError, LaunchError
from tmx_plugin.models.checkpoint import load_checkpoint_file

from .resume import check_resumable

try:
    import fcntl
except ImportError:  # Windows: nothing keeps a second run out
    fcntl = None  # type: ignore[assignment]

POINTER = 'last_checkpoint'
#: Saved by a training that was asked to end within an epoch.
INTERRUPTED = 'interrupted.pth'
_LOCK = '.lock'
_STEP = re.compile(r'(?:epoch|iter)_(\d+)\.pth')
_held: dict[Path, int] = {}


def lock(work_dir) -> None:
    """Hold a folder for this process until :func:`unlock` or its end, however it ends.

    Taking it twice does nothing. Worker processes do not hold it.

    Raises:
        LaunchError: Another process trains there.
    """
    folder = Path(work_dir).resolve()
    if fcntl is None or folder in _held:
        return
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.read(handle, 20).decode(errors='replace').strip()
        os.close(handle)
        raise LaunchError(
            f'Another training (process {owner or "unknown"}) runs in {work_dir}; '
            'wait for its end, or give this one a --work-dir of its own.'
        ) from None
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    _held[folder] = handle


def unlock(work_dir) -> None:
    """Let go of a folder that this process holds."""
    handle = _held.pop(Path(work_dir).resolve(), None)
    if handle is not None:
        os.close(handle)


def remove_leftovers(folder) -> None:
    """Remove what a killed run left half-written; only for who holds the folder."""
    for leftover in Path(folder).glob('.*.part*'):
        leftover.unlink(missing_ok=True)


def checkpoints(folder, pointer_folder=None) -> list[Path]:
    """Checkpoints of a folder that training can go on from, the one to try first first.

    That is the one that ``last_checkpoint`` names, then those before it from the newest on, then
    those after it, which an earlier run may have left. Only the name counts: in a copied or moved
    folder its path leads elsewhere.
    """
    folder = Path(folder)
    pointer = Path(pointer_folder or folder, POINTER)
    steps = {
        int(match[1]): path
        for path in folder.glob('*_*.pth')
        if (match := _STEP.fullmatch(path.name)) and path.is_file()
    }
    try:
        named = Path(pointer.read_text(encoding='utf-8').strip()).name
    except (OSError, UnicodeDecodeError):
        named = ''
    match = _STEP.fullmatch(named)
    last = int(match[1]) if match else max(steps, default=0)
    first = [folder / INTERRUPTED] * (named == INTERRUPTED and (folder / INTERRUPTED).is_file())
    return first + [steps[step] for step in sorted(steps, key=lambda step: (step > last, -step))]


def newest_whole(
    folder, say: Callable[[str], None], verify: bool = True, pointer_folder=None
) -> Optional[Path]:
    """The first of :func:`checkpoints` that is whole and can be resumed from.

    Args:
        folder (str | Path): Where the checkpoints are.
        say (Callable): Gets a sentence for each that is passed over.
        verify (bool): Whether checksums count. Defaults to True.
        pointer_folder (str | Path, optional): Where ``last_checkpoint`` is, if elsewhere.

    Returns:
        Path, optional: None if there is none.
    """
    for path in checkpoints(folder, pointer_folder):
        try:
            check_resumable(load_checkpoint_file(path, verify=verify), path)
        except (CheckpointError, OSError) as error:
            say(f'{error}; it is passed over for an earlier checkpoint')
        else:
            return path
    return None
