# SPDX-License-Identifier: Apache-2.0
"""What can be said of feature files without reading them."""
from pathlib import Path

from ..errors import DataError
from ..utils.text_files import is_finite, read_json
from .feature_io import peek_shape

# Rates differ in the third digit between sources (29.97 or 30; frames over a rounded duration).
FPS_TOLERANCE = 0.01


def check_side_files(data_list: list, *, feature_stride: float, offset_frames: float) -> None:
    """Compare the geometry that the extractor wrote beside a feature file with the configuration.

    ``NAME.json`` beside ``NAME.npy`` may hold ``fps``, ``stride`` and ``clip_len`` (frames).

    Args:
        data_list (list[dict]): Videos, with ``feature_paths`` and ``fps``.
        feature_stride (float): Frames between features of the files.
        offset_frames (float): Half the clip's length, in frames.

    Raises:
        DataError: A side file contradicts the configuration.
    """
    for info in data_list:
        for path in info['feature_paths']:
            side = Path(path).with_suffix('.json')
            if not side.is_file():
                continue
            said = _read_side_file(side)
            for key, said_value, name, value, tolerance in (
                    ('stride', said.get('stride'), 'feature_stride', feature_stride, 0),
                    ('clip_len', said.get('clip_len'), '2 x offset_frames', 2 * offset_frames, 0),
                    ('fps', said.get('fps'), 'fps', info['fps'], FPS_TOLERANCE)):
                if said_value is not None and abs(said_value - value) > tolerance * value:
                    raise DataError(
                        f'{side}: video {info["video_id"]!r}: the features were extracted with '
                        f'{key} {said_value}, expected {name} {value:g} of the configuration')


def _read_side_file(path: Path) -> dict:
    said = read_json(path)
    keys = ('fps', 'stride', 'clip_len')
    numbers = isinstance(said, dict) and all(
        is_finite(said.get(key, 0)) for key in keys)
    if not numbers:
        raise DataError(f'{path}: expected an object with numbers as "fps", "stride" and '
                        f'"clip_len", found {said!r}')
    return said


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
