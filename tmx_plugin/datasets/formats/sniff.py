# SPDX-License-Identifier: Apache-2.0
"""Why a file looks like one of the annotation formats: one function a format.

Each takes a :class:`Probe` and gives a reason in words, or None.
"""

from functools import cached_property
from pathlib import Path
from typing import Optional

from ...utils.text_files import read_json, read_text
from . import charades as charades_format
from .actions_json import is_actions_json
from .activitynet_flat import is_flat
from .epic import FLAT, OFFICIAL
from .table import COLUMNS
from .thumos_txt import SUBSET_OF_SUFFIX


class Probe:
    """A file or folder, read once for all questions that are asked of it."""

    def __init__(self, path) -> None:
        self.path = Path(path)
        self.suffix = self.path.suffix.lower()

    def files(self, suffix: str) -> list[Path]:
        """The file, or those in the folder, that end in ``suffix``."""
        if self.path.is_dir():
            return sorted(self.path.rglob(f'*{suffix}'))
        return [self.path] if self.suffix == suffix else []

    @cached_property
    def json(self):
        """Content of a json or of a BORIS project, else None."""
        return read_json(self.path) if self.suffix in ('.json', '.boris') else None

    @cached_property
    def database(self) -> Optional[dict]:
        """The object "database" of a json."""
        found = self.json.get('database') if isinstance(self.json, dict) else None
        return found if isinstance(found, dict) else None

    @cached_property
    def header(self) -> str:
        """First line of a table."""
        if self.path.is_dir() or self.suffix in ('.json', '.boris', '.txt', '.xml', '.eaf'):
            return ''
        return read_text(self.path).splitlines()[0]

    def has_columns(self, columns) -> bool:
        """Whether the header has all of these, in any case and with any usual delimiter."""
        return any(
            set(columns)
            <= {name.strip().strip('"').lower() for name in self.header.split(delimiter)}
            for delimiter in ',;\t'
        )

    @cached_property
    def xml_root(self) -> str:
        """The beginning of an XML file."""
        return read_text(self.path)[:4096] if self.suffix in ('.xml', '.eaf') else ''


def database(probe: Probe) -> Optional[str]:
    return 'a json with "database"' if probe.database is not None else None


def actionformer(probe: Probe) -> Optional[str]:
    items = (
        item
        for video in (probe.database or {}).values()
        if isinstance(video, dict)
        if isinstance(video.get('annotations'), list)
        for item in video['annotations']
        if isinstance(item, dict)
    )
    return 'annotations have "label_id"' if any('label_id' in item for item in items) else None


def multithumos(probe: Probe) -> Optional[str]:
    if probe.database is None:
        return None
    version = str(probe.json.get('version', ''))
    return f'its version is {version!r}' if 'multithumos' in version.lower() else None


def actions_json(probe: Probe) -> Optional[str]:
    return 'videos have "actions"' if is_actions_json(probe.json) else None


def activitynet_flat(probe: Probe) -> Optional[str]:
    return 'videos with "annotations", without "database"' if is_flat(probe.json) else None


def _listed_videos(probe: Probe, key: str) -> bool:
    videos = probe.json.get('videos') if isinstance(probe.json, dict) else None
    return isinstance(videos, list) and any(
        isinstance(video, dict) and key in video for video in videos
    )


def ego4d_mq(probe: Probe) -> Optional[str]:
    return 'videos have "clips"' if _listed_videos(probe, 'clips') else None


def goalstep(probe: Probe) -> Optional[str]:
    return 'listed videos have "segments"' if _listed_videos(probe, 'segments') else None


def boris(probe: Probe) -> Optional[str]:
    fits = isinstance(probe.json, dict) and {'observations', 'behaviors_conf'} <= set(probe.json)
    return 'it has "observations" and "behaviors_conf"' if fits else None


def via(probe: Probe) -> Optional[str]:
    fits = isinstance(probe.json, dict) and {'metadata', 'view', 'file'} <= set(probe.json)
    return 'it has "metadata", "view" and "file"' if fits else None


def label_studio(probe: Probe) -> Optional[str]:
    return 'a json list of tasks' if isinstance(probe.json, list) else None


def elan(probe: Probe) -> Optional[str]:
    if '<ANNOTATION_DOCUMENT' in probe.xml_root or probe.path.is_dir() and probe.files('.eaf'):
        return 'an ELAN document'
    return None


def cvat(probe: Probe) -> Optional[str]:
    return 'XML with <annotations>' if '<annotations' in probe.xml_root else None


def epic(probe: Probe) -> Optional[str]:
    for columns in (OFFICIAL, FLAT):
        if probe.has_columns(columns):
            return f'it has the columns {",".join(columns)}'
    return None


def charades(probe: Probe) -> Optional[str]:
    columns = charades_format.COLUMNS
    return f'it has the columns {",".join(columns)}' if probe.has_columns(columns) else None


def csv_table(probe: Probe) -> Optional[str]:
    return f'it has the columns {",".join(COLUMNS)}' if probe.has_columns(COLUMNS) else None


def thumos_txt(probe: Probe) -> Optional[str]:
    """Files of a class are named after it and its subset."""
    endings = tuple(f'_{suffix}' for suffix in SUBSET_OF_SUFFIX)
    named = any(file.stem.endswith(endings) for file in probe.files('.txt'))
    return 'text files CLASS_val.txt or CLASS_test.txt' if named else None


def frames_txt(probe: Probe) -> Optional[str]:
    return 'text files' if probe.files('.txt') else None
