# SPDX-License-Identifier: Apache-2.0
"""Many videos, several processes, a progress bar, and none that stops the others."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Callable

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import distributed

from ..errors import LaunchError
from ..features.extractor import FeatureExtractor
from ..features.storage import is_complete, write_features

# Where each launcher says which of how many processes this is, and which on its machine.
_RANK_VARIABLES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'),
}


def process_rank(launcher: str = 'none') -> tuple[int, int, int]:
    """Rank, number of processes, and rank on this machine.

    The processes share out the videos and do not talk to each other meanwhile.

    Raises:
        LaunchError: If the launcher's variables are not set.
    """
    if launcher == 'none':
        return 0, 1, 0
    missing = [name for name in _RANK_VARIABLES[launcher] if name not in os.environ]
    if missing:
        raise LaunchError(
            f'--launcher {launcher}: {", ".join(missing)} is not set; was this '
            'started by the launcher (e.g. torchrun)?'
        )
    rank, world_size, local_rank = (int(os.environ[name]) for name in _RANK_VARIABLES[launcher])
    return rank, world_size, local_rank


def wait_for_all(launcher: str) -> None:
    """Return when all processes got here.

    torchrun ends the other processes, videos half done, once one exits with an error.
    """
    if launcher == 'pytorch' and 'MASTER_ADDR' in os.environ:
        distributed.init_process_group('gloo', timeout=timedelta(days=30))
        distributed.barrier()
        distributed.destroy_process_group()


def extract_videos(
    extractor: FeatureExtractor,
    videos: Sequence[tuple[str, Path]],
    out_dir: Path,
    overwrite: bool = False,
    show_progress: bool = True,
    report: Callable[[str], None] = print,
) -> list[str]:
    """Write ``NAME.npy`` and ``NAME.json`` for each video.

    Args:
        extractor (FeatureExtractor): What makes the features.
        videos (Sequence[tuple[str, Path]]): Name and path of each.
        out_dir (Path): Folder of the features; names may contain sub-folders.
        overwrite (bool): Whether to make again what is complete already.
        show_progress (bool): Whether to draw bars with the time that is left.
        report (Callable): Told, in a line, how each video ended.

    Returns:
        list[str]: Names of the videos that failed.
    """
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    failed = []
    with Progress(*columns, disable=not show_progress) as progress:
        overall = progress.add_task('videos', total=len(videos))
        for name, path in videos:
            try:
                ending = _extract_one(extractor, name, path, out_dir, overwrite, progress)
                report(f'{name}: {ending}')
            except Exception as error:  # whatever one video brings, the others go on
                failed.append(name)
                report(f'{name}: FAILED: {error or type(error).__name__}')
            progress.advance(overall)
    return failed


def _extract_one(
    extractor: FeatureExtractor,
    name: str,
    path: Path,
    out_dir: Path,
    overwrite: bool,
    progress: Progress,
) -> str:
    out = Path(out_dir, f'{name}.npy')
    if not overwrite and is_complete(out, extractor.settings):
        return 'complete already'
    frames = extractor.open(str(path))
    task = progress.add_task(f'  {path.name} (frames)', total=len(frames))
    try:
        features, info = extractor(frames, lambda count: progress.advance(task, count))
    finally:
        progress.remove_task(task)
    write_features(out, features, info)
    return f'{info["length"]} clips x {info["channels"]} channels'
