# SPDX-License-Identifier: Apache-2.0
"""One entry to all exporters, by name of the format."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from ..errors import ConfigError, DataError
from ..utils.files import file_name
from .activitynet import read_activitynet
from .registry import FORMATS, DetectionFormat


def find_format(name: str) -> DetectionFormat:
    """The entry of ``FORMATS`` of a name.

    Raises:
        ConfigError: There is none.
    """
    if name not in FORMATS:
        raise ConfigError(f'unknown format {name!r}: expected one of {", ".join(FORMATS)}')
    return FORMATS[name]


def export(
    detections: Mapping,
    folder: str | Path,
    format: str,
    name: str = 'predictions',
    **options: Any,
) -> list:
    """Write detections in one of ``FORMATS``.

    Args:
        detections (dict): ``{video: [{'label', 'score', 'segment'}]}``, seconds.
        folder (str | Path): Where to write; created if needed.
        format (str): A key of ``FORMATS``.
        name (str): Stem of the file, where all videos share one: NAME.json, NAME.csv,
            NAME.label-studio.json, NAME.epic.json. Subtitles are VIDEO.srt and VIDEO.vtt.
        **options: ``options`` of the format.

    Returns:
        list[Path]: The files written.

    Raises:
        TmxError: An unknown format, or two videos whose file would be the same.
    """
    item = find_format(format)
    if not item.per_video:
        return [item.write(detections, Path(folder) / f'{name}{item.suffix}', **options)]
    paths: dict = {}
    for video in detections:
        path = Path(folder) / f'{file_name(video)}{item.suffix}'
        if path in paths:
            raise DataError(f'videos {paths[path]!r} and {video!r} would both be written to {path}')
        paths[path] = video
    return [item.write(detections[video], path, **options) for path, video in paths.items()]


def add_existing(
    detections: dict, folder: str | Path, existing: str = 'merge', name: str = 'predictions'
) -> dict:
    """Detections of this run, with those of other videos that an earlier run left in a folder.

    Args:
        detections (dict): As for :func:`export`.
        folder (str | Path): Where ``NAME.json`` may be.
        existing (str): ``'merge'``, ``'replace'`` (nothing is added) or ``'error'``.
        name (str): Stem of the file.

    Raises:
        ConfigError: If ``existing`` is none of them.
        DataError: If the file exists and that is an error, or it cannot be read.
    """
    if existing not in ('merge', 'replace', 'error'):
        raise ConfigError(f"existing must be 'merge', 'replace' or 'error', not {existing!r}")
    path = Path(folder) / f'{name}.json'
    if existing == 'replace' or not path.is_file():
        return detections
    if existing == 'error':
        raise DataError(f'{path}: exists; choose another folder, or merge or replace')
    earlier = read_activitynet(path)
    kept = {video: found for video, found in earlier.items() if video not in detections}
    if kept:
        print_log(f'{path}: keeping the predictions of {len(kept)} videos', 'current')
    return {**kept, **detections}
