# SPDX-License-Identifier: Apache-2.0
"""What can be said of feature files without reading them."""
import os
from pathlib import Path

from ..errors import DataError
from .feature_io import FEATURE_SUFFIXES, peek_shape
from .side_file import side_file_conflicts


def check_side_files(data_list: list, *, feature_stride: float, offset_frames: float) -> None:
    """Compare the side files of videos with the configuration.

    Args:
        data_list (list[dict]): Videos, with ``feature_paths`` and ``fps``.
        feature_stride, offset_frames (float): See :func:`side_file_conflicts`.

    Raises:
        DataError: A side file contradicts the configuration, or is not as it should be.
    """
    for info in data_list:
        for text in side_file_conflicts(info, feature_stride=feature_stride,
                                        offset_frames=offset_frames):
            raise DataError(text)


def peek_sizes(data_list: list, *, layout: str, sample_stride: int) -> tuple:
    """Lengths and widths of the features, from the heads of the files.

    Args:
        data_list (list[dict]): Videos.
        layout (str): ``'tc'`` or ``'ct'``.
        sample_stride (int): Every how many rows are used.

    Returns:
        tuple[dict[str, int], dict[str, int], dict[str, list[int]]]: By video T after
        ``sample_stride`` of the longest file, C of all its files together, and T of each file.

    Raises:
        DataError: A file is damaged, or of another width than the first one of its folder.
    """
    file_lengths, widths, first = {}, {}, {}
    for info in data_list:
        for folder, path in enumerate(info['feature_paths']):
            shape = peek_shape(path, layout, info['video_id'])
            first_path, (first_length, width) = first.setdefault(folder, (path, shape))
            if shape[1] != width:
                hint = '; are they stored the other way round?' if shape[0] == first_length else ''
                raise DataError(f'{path}: video {info["video_id"]!r}: expected {width} channels '
                                f'as in {first_path}, found {shape[1]} (layout {layout!r}{hint})')
            video = info['video_id']
            file_lengths.setdefault(video, []).append(shape[0])
            widths[video] = widths.get(video, 0) + width
    lengths = {video: -(-max(found) // sample_stride) for video, found in file_lengths.items()}
    return lengths, widths, file_lengths


def name_hint(absent: dict) -> str:
    """What file names in the folder have around the video's name, where one text does for all.

    Args:
        absent (dict[str, str]): Path of the absent feature file, by video.

    Returns:
        str: A sentence with a blank behind it, or ''.
    """
    video, path = next(iter(absent.items()))
    folder = Path(path).parent
    names = [entry.name for entry in os.scandir(folder)] if folder.is_dir() else []
    base = Path(video).name
    for name in sorted(names, key=len):
        before, found, after = name.partition(base)
        if found and Path(name).suffix in FEATURE_SUFFIXES:
            return f'{folder / name} exists: try feature_prefix={before!r}, ' \
                f'feature_suffix={after!r}. '
    return ''
