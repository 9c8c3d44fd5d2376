# SPDX-License-Identifier: Apache-2.0
"""Durations, frames and fps of videos, from whatever a user has."""

import glob
from pathlib import Path
from typing import Optional

from ...errors import FormatError
from ...utils.files import VIDEO_SUFFIXES
from ...utils.text_files import read_json
from ...utils.video_index import read_video_index
from ..feature_io import FEATURE_SUFFIXES, read_features
from ..side_file import read_side_file, side_file_of
from .document import positive
from .fields import parse_seconds, read_rows, video_name

# A csv of lengths in frames counts them at this rate (EPIC-Kitchens-100's flat 30 fps).
FLAT_FPS = 30.0
_CSV_COLUMNS = {'video', 'video_id', 'duration', 'fps', 'frames', 'frame', 'count'}


class VideoInfo:
    """``info[name]`` is ``{'duration': seconds, 'frame': int | None, 'fps': float | None}``.

    Sources are asked in this order; each may be absent.

    Args:
        files (Sequence[str | Path]): Jsons (with a ``database`` object, or ``{name: seconds}`` or
            ``{name: {...}}``) or csv files with the columns ``video,duration[,fps]``,
            ``video,frames[,fps]`` or ``video,count[,fps]``; frames without a rate count at 30.
        features (str | Path, optional): Folder with ``NAME.json`` beside ``NAME.npy``, as feature
            extraction writes them. Where there is no json, the length of the feature file and
            ``geometry`` tell the duration.
        video_dir (str | Path, optional): Folder with the videos.
        geometry (VideoTime, optional): ``fps``, ``feature_stride`` and ``offset_frames``.
        layout (str): ``'tc'`` where feature files hold (T, C), ``'ct'`` where they hold (C, T).
    """

    def __init__(self, files=(), *, features=None, video_dir=None, geometry=None, layout='tc'):
        self._known = {}
        #: Columns of csv files that are not used, by file.
        self.ignored_columns: dict = {}
        for path in files:
            self._known.update(read_video_file(path, self.ignored_columns))
        self.features = Path(features) if features else None
        self.video_dir = Path(video_dir) if video_dir else None
        self.geometry = geometry
        self.layout = layout
        for folder in (self.features, self.video_dir):
            if folder is not None and not folder.is_dir():
                raise FormatError(folder, 'a folder', 'nothing there')

    def __contains__(self, name) -> bool:
        return self._find(name) is not None

    def __getitem__(self, name) -> dict:
        facts = self._find(name)
        if facts is None:
            raise KeyError(name)
        return facts

    def _find(self, name):
        if name not in self._known:
            self._known[name] = (
                self._from_side_file(name) or self._from_video(name) or self._from_length(name)
            )
        return self._known[name]

    def _from_side_file(self, name):
        path = self.features and self.features / f'{name}.npy'
        content = path and read_side_file(path)
        return content and _facts(content, side_file_of(path), name)

    def _from_video(self, name):
        for suffix in VIDEO_SUFFIXES if self.video_dir else ():
            path = self.video_dir / (name + suffix)
            if path.is_file():
                return probe_video(path, name)
        return None

    def _from_length(self, name):
        if self.features is None or self.geometry is None:
            return None
        # 'a.b.npy' is no file of video 'a'
        path = next(
            (
                path
                for path in sorted(self.features.glob(f'{glob.escape(name)}.*'))
                if path.with_suffix('') == self.features / name and path.suffix in FEATURE_SUFFIXES
            ),
            None,
        )
        if path is None:
            return None
        length = len(read_features(path, self.layout))
        return {'duration': self.geometry.extent(length), 'frame': None, 'fps': self.geometry.fps}

    def require(self, name, source) -> dict:
        """As ``info[name]``.

        Raises:
            FormatError: If no source knows the video; the message lists what would do.
        """
        facts = self._find(name)
        if facts is None:
            raise FormatError(
                source,
                'the duration of the video from one of: a column "duration", --videos '
                'with a json or csv of durations, --video-dir with the video itself, --features '
                'with its side file, or --features with --fps, --feature-stride and '
                '--offset-frames',
                'none of them',
                name,
            )
        return facts


def read_video_file(path, ignored: Optional[dict] = None) -> dict:
    """Facts of all videos of a json or csv (see :class:`VideoInfo`)."""
    if Path(path).suffix.lower() in ('.csv', '.tsv'):
        return _read_csv(path, ignored)
    content = read_json(path)
    if isinstance(content, dict) and isinstance(content.get('database'), dict):
        content = content['database']
    if not isinstance(content, dict) or not content:
        raise FormatError(path, 'an object of videos', type(content).__name__)
    return {name: _facts(item, path, name) for name, item in content.items()}


def _facts(item, path, name) -> dict:
    if not isinstance(item, dict):
        item = {'duration': item}
    fps, frame = item.get('fps'), item.get('frame', item.get('frames'))
    duration = item.get('duration')
    if duration is None and fps and frame:
        duration = positive(frame, 'frames', path, name) / positive(fps, 'fps', path, name)
    return {
        'duration': positive(duration, 'a duration in seconds', path, name),
        'frame': frame if frame is None else int(positive(frame, 'frames', path, name)),
        'fps': fps if fps is None else positive(fps, 'fps', path, name),
    }


def _read_csv(path, ignored: Optional[dict] = None) -> dict:
    """Facts by video of a csv; a rate in a row goes before the flat one of lists in frames."""
    known = {}
    for line, row in read_rows(path, ('duration',), ('video', 'frames'), ('video', 'count')):
        source = f'{path}:{line}'
        name = row.get('video', row.get('video_id'))
        if not name:
            raise FormatError(source, 'a column "video" or "video_id"', sorted(row))
        fps = parse_seconds(row['fps'], source, name) if row.get('fps') else None
        frames = row.get('frames') or row.get('count') or row.get('frame')
        facts = {'fps': fps, 'frame': frames and parse_seconds(frames, source, name)}
        if row.get('duration'):
            facts['duration'] = parse_seconds(row['duration'], source, name)
        elif fps is None:
            facts.update(
                fps=FLAT_FPS,
                frame=None,
                duration=parse_seconds(frames or '', source, name) / FLAT_FPS,
            )
        known[video_name(name)] = _facts(facts, source, name)
        if ignored is not None:
            ignored[str(path)] = sorted(set(row) - _CSV_COLUMNS)
    return known


def probe_video(path, name) -> dict:
    """Duration, frames and fps of a video file.

    Where the rate varies, the number of frames is that at a regular ``fps``.

    Raises:
        DataError: It cannot be read.
        MissingPackageError: PyAV is not installed.
    """
    index = read_video_index(path)
    frames = round(index.duration * index.fps) if index.varies else len(index)
    return {'duration': index.duration, 'frame': frames, 'fps': index.fps}
