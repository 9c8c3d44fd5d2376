# SPDX-License-Identifier: Apache-2.0
"""The files of an inference run, which hold all that was done, however the run ends."""

import logging
from collections import ChainMap
from collections.abc import Iterable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Optional, cast

from mmengine.logging import print_log

from ..errors import ConfigError, DataError
from ..exporters import add_existing, export, find_format
from ..exporters.journal import Journal
from ..utils.files import WriteError, file_name

EXISTING = ('merge', 'skip', 'replace', 'error')
#: Where results are while a run goes on; in the folder of the others, and gone at the end.
JOURNAL = 'predictions.partial.jsonl'


def same_file_names(names: Sequence[str], held: Iterable[str] = ()) -> dict[str, str]:
    """Names of videos whose own files (pictures, subtitles) would be each other's, and why.

    Args:
        names (Sequence[str]): Videos to be done.
        held (Iterable[str]): Videos of which the folder holds results.
    """
    by_stem: dict[str, list] = {}
    for name in dict.fromkeys([*names, *held]):
        by_stem.setdefault(file_name(name), []).append(name)
    reasons = {
        name: f'{" and ".join(map(repr, same))} would both be written to {stem!r}; rename one, or '
        'write them to different folders'
        for stem, same in by_stem.items()
        if len(same) > 1
        for name in same
    }
    return {name: reasons[name] for name in names if name in reasons}


class ResultFiles:
    """Writes results as they come; a context.

    Each video goes to its own files (subtitles) and to a :class:`~tmx_plugin.exporters.journal.\
Journal`. At the end of the context, by an error, SIGTERM or Ctrl-C too, the files that all videos
    share are made of the journal, which is removed then. A process that is killed leaves the
    journal; the next run into the folder takes it for results that the folder holds.

    Args:
        folder (str | Path): Where to write; created if needed.
        formats (Sequence[str]): Formats beside ActivityNet json, see
            :data:`tmx_plugin.exporters.FORMATS`.
        frame_rate (float, optional): For the format ``'label-studio'``.
        existing (str): What becomes of the results that the folder holds: ``'merge'`` keeps those
            of other videos; so does ``'skip'``, and :attr:`done` is not to be done again;
            ``'replace'`` drops them; ``'error'`` refuses to write.

    Raises:
        ConfigError: An unknown format or ``existing``.
        DataError: The folder holds results and that is an error, or they cannot be read.
        LaunchError: Another process writes there.

    Attributes:
        done (Mapping): Detections of the videos that need not be done again.
        held (Mapping): Detections of all videos that are in the files at the end.
        per_video (bool): Whether a format has a file for each video.
    """

    def __init__(
        self,
        folder: str | Path,
        formats: Sequence[str] = (),
        frame_rate: Optional[float] = None,
        existing: str = 'merge',
    ) -> None:
        if existing not in EXISTING:
            raise ConfigError(f'existing must be one of {", ".join(EXISTING)}, not {existing!r}')
        self.formats = {name: find_format(name) for name in ['activitynet', *formats]}
        self.folder, self.frame_rate, self.existing = Path(folder), frame_rate, existing
        path = self.folder / JOURNAL
        if existing == 'error' and path.exists():
            raise DataError(f'{path}: exists; choose another folder, or merge or replace')
        self.journal = Journal(path, anew=existing == 'replace')
        try:
            mode = 'merge' if existing == 'skip' else existing
            self.earlier = {} if self.journal.anew else add_existing({}, folder, mode)
            clashes = same_file_names(list(self.held)) if self.per_video else {}
            if clashes:
                raise DataError(f'{folder}: holds results of videos, and {[*clashes.values()][0]}')
        except BaseException:
            self.journal.close(remove=not self.journal)
            raise
        self._own: dict[Path, str] = {}  # files of a video of its own that this run wrote

    @property
    def done(self) -> ChainMap:
        """Detections by the name of the video; see the class."""
        return self.held if self.existing == 'skip' else ChainMap()

    @property
    def held(self) -> ChainMap:
        """Detections by the name of the video, those of this run and those that are kept."""
        # A chain only reads, unless it is written to.
        return ChainMap(cast(MutableMapping, self.journal), self.earlier)

    @property
    def per_video(self) -> bool:
        """Whether a format has a file for each video."""
        return any(each.per_video for each in self.formats.values())

    def entry(self, video: str, source) -> dict:
        """What :meth:`add` got of a video of :attr:`done`, whose file is ``source``.

        ``duration`` is None where the results of an earlier run do not say it.
        """
        if video in self.journal:
            return self.journal.entry(video)
        return dict(video=video, source=str(source), duration=None, actions=self.earlier[video])

    def add(self, entry: dict) -> None:
        """Write a video: ``video``, ``source``, ``duration`` and ``actions``.

        Raises:
            DataError: A time or score is not finite.
            WriteError: A file cannot be written.
        """
        self._write_own(entry['video'], entry['actions'])
        self.journal.add(entry)

    def _write_own(self, video: str, actions: list) -> None:
        for item in self.formats.values():
            path = self.folder / f'{file_name(video)}{item.suffix}'
            if item.per_video and self._own.setdefault(path, video) != video:
                raise DataError(
                    f'videos {self._own[path]!r} and {video!r} would both be written to {path}'
                )
            if item.per_video:
                item.write(actions, path)

    def __enter__(self) -> 'ResultFiles':
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None or issubclass(kind, GeneratorExit):
            try:
                self._finish()
            except BaseException:
                self.journal.close()
                raise
            return
        try:
            count = len(self.held)
            if self.journal:
                self._finish()
            else:
                self.journal.close(remove=True)
            if count:
                print_log(
                    f'{self.folder}: holds the results of {count} videos; the same command with '
                    '--existing skip goes on with the others',
                    'current',
                    logging.WARNING,
                )
        except WriteError as failure:
            print_log(
                f'{failure}; the results of {len(self.journal)} videos are in {self.journal.path}, '
                'and the next run into this folder finds them there',
                'current',
                logging.WARNING,
            )
            self.journal.close()

    def _finish(self) -> None:
        detections = self.held
        for name, item in self.formats.items():
            if not item.per_video:
                takes_rate = 'frame_rate' in item.options
                options: dict[str, Any] = dict(frame_rate=self.frame_rate) if takes_rate else {}
                export(detections, self.folder, name, **options)
        written = set(self._own.values())
        if self.per_video:
            for video in detections:
                if video not in written:
                    self._write_own(video, detections[video])
        self.journal.close(remove=True)
