# SPDX-License-Identifier: Apache-2.0
"""From published archives to the folders that the configs read."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Optional

from ..errors import DataError
from ..utils.files import sync_folder
from ..utils.text_files import read_json
from .annotation_files import IGNORED_LABELS, read_class_list
from .archives import unpack
from .formats import write_document
from .formats.database_json import read_database_json
from .formats.frames_txt import read_frames_txt
from .formats.subsets import listed_split
from .released_classes import released_classes

_FEATURES = ('.npy', '.npz')


@dataclass(frozen=True)
class AnnotationTarget:
    """An annotation file that a config reads.

    Attributes:
        config (str): The config.
        json (str): The annotation file, in ``annotations/``.
        class_list (str): The class list, in ``annotations/``.
        released (str): Name of the classes in :mod:`.released_classes`.
        count (int): Their number.
    """

    config: str
    json: str
    class_list: str
    released: str
    count: int

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, in the order of training."""
        return released_classes(self.released, self.count)


@dataclass(frozen=True)
class DataSetLayout:
    """Where a data set lies: annotation files, and the folder of its features."""

    root: str
    features: str
    targets: tuple[AnnotationTarget, ...]


#: Data sets of the ``database`` family, as ActionFormer and OpenTAD publish them.
LOCALIZATION = {
    'thumos14': DataSetLayout(
        'data/thumos14',
        'features/i3d',
        (AnnotationTarget('thumos_i3d', 'thumos14.json', 'classes.txt', 'thumos14', 20),),
    ),
    'multithumos': DataSetLayout(
        'data/multithumos',
        'features/i3d',
        (
            AnnotationTarget(
                'multithumos_i3d', 'multithumos.json', 'classes.txt', 'multithumos', 65
            ),
        ),
    ),
    'epic_kitchens': DataSetLayout(
        'data/epic_kitchens',
        'features/slowfast',
        (
            AnnotationTarget(
                'epic_kitchens_slowfast_verb', 'epic_verb.json', 'verb_classes.txt', 'epic_verb', 97
            ),
            AnnotationTarget(
                'epic_kitchens_slowfast_noun',
                'epic_noun.json',
                'noun_classes.txt',
                'epic_noun',
                293,
            ),
        ),
    ),
}
#: Data sets in the layout of MS-TCN: config, folder, labels and features a second.
SEGMENTATION = {
    'gtea': ('gtea_i3d', 'data/gtea', 15),
    '50salads': ('salads50_i3d', 'data/50salads', 30),
    'breakfast': ('breakfast_i3d', 'data/breakfast', 15),
}


@dataclass
class Prepared:
    """What was prepared.

    Attributes:
        root (Path): Folder of the data set.
        configs (list[str]): Configs that can read it.
        notes (list[str]): A line for each file and link that was made.
    """

    root: Path
    configs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def prepare(name: str, sources: Sequence, root: Optional[str] = None) -> Prepared:
    """Prepare a data set from what its publishers offer.

    Args:
        name (str): One of :data:`LOCALIZATION` or :data:`SEGMENTATION`.
        sources (Sequence[str | Path]): Archives (.tar, .tar.gz, .zip), folders as they unpack, or
            single files. Archives are unpacked below ``root/unpacked``; folders are linked.
        root (str, optional): Folder of the data set; default: the one its config names.

    Raises:
        DataError: If annotations or features are not found, or not those of the data set.
    """
    if name in SEGMENTATION:
        config, default, fps = SEGMENTATION[name]
        prepared = Prepared(Path(root or default), [config])
        _prepare_segmentation(prepared, _unpack_all(sources, prepared.root), fps)
        return prepared
    layout = LOCALIZATION[name]
    prepared = Prepared(Path(root or layout.root))
    _prepare_localization(prepared, _unpack_all(sources, prepared.root), name, layout)
    return prepared


def _unpack_all(sources, root: Path) -> list[Path]:
    return [unpack(source, root / 'unpacked') for source in sources]


def _files(places: Sequence[Path], pattern: str) -> list[Path]:
    """Files below folders, or among single files, by name."""
    found = [
        path
        for place in places
        for path in (sorted(place.rglob(pattern)) if place.is_dir() else [place])
    ]
    return [path for path in found if path.is_file() and path.match(pattern)]


def _prepare_localization(prepared: Prepared, places, name: str, layout: DataSetLayout) -> None:
    annotations = {
        path: labels for path in _files(places, '*.json') if (labels := _labels_of(path))
    }
    lists = {path: read_class_list(path) for path in _files(places, '*category_idx*.txt')}
    videos: set[str] = set()
    for target in layout.targets:
        path = _annotation_file(annotations, target)
        if path is None:
            continue
        document = read_database_json([path], on_reversed='keep', order_by_id=True)
        document.classes = list(
            _class_order(target, annotations[path], lists, document.classes, path)
        )
        folder = prepared.root / 'annotations'
        write_document(
            document,
            folder / target.json,
            classes_path=folder / target.class_list,
            version=f'{name}, from {path.name}',
        )
        prepared.configs.append(target.config)
        prepared.notes.append(f'{folder / target.json}: {len(document.database)} videos of {path}')
        videos |= set(document.database)
    if not videos:
        raise DataError(
            f'{", ".join(map(str, places))}: expected an annotation json of {name} '
            f'("database" with its classes), found {len(annotations)} of other classes'
        )
    _link(_feature_folder(places, videos), prepared.root / layout.features, prepared)


def _annotation_file(annotations: dict[Path, set], target: AnnotationTarget) -> Optional[Path]:
    """The json of a target: by its labels, else by its name (``..._verb.json``)."""
    chosen = [path for path, labels in annotations.items() if labels <= set(target.classes)]
    if not chosen and target.released.startswith('epic_'):
        kind = target.released.rpartition('_')[2]
        chosen = [path for path in annotations if path.stem.endswith(kind)]
    # Of several the one with most labels: lists of 20 classes are among those of 65, too.
    return max(chosen, key=lambda path: (len(annotations[path]), path.stat().st_size), default=None)


def _class_order(
    target: AnnotationTarget,
    labels: set,
    lists: dict[Path, tuple],
    by_id: Sequence[str],
    path: Path,
) -> Sequence[str]:
    """Classes in the order of training: a list beside the annotations, ours, or ``label_id``.

    Raises:
        DataError: If none of them has the classes of the target.
    """
    for classes in (*lists.values(), target.classes, by_id):
        if labels <= set(classes) and len(classes) == target.count:
            return classes
    raise DataError(
        f'{path}: expected labels among the {target.count} classes of '
        f'{target.released}, found {sorted(labels - set(target.classes))[:3]} and no '
        'list category_idx*.txt that has them'
    )


def _labels_of(path: Path) -> Optional[set]:
    """Labels of an annotation json; None of any other json."""
    if path.with_suffix('.npy').is_file() or path.with_suffix('.npz').is_file():
        return None  # describes features
    content = read_json(path)
    database = content.get('database') if isinstance(content, dict) else None
    if not isinstance(database, dict):
        return None
    return {
        item.get('label', '').strip()
        for video in database.values()
        if isinstance(video, dict)
        for item in video.get('annotations') or []
        if isinstance(item, dict)
    } - set(IGNORED_LABELS)


def _feature_folder(places, videos: set[str]) -> Path:
    """The folder that holds features of most videos.

    Raises:
        DataError: If there is none, or several hold as many.
    """
    counts: dict[Path, int] = {}
    for suffix in _FEATURES:
        for path in _files(places, f'*{suffix}'):
            counts[path.parent] = counts.get(path.parent, 0) + (path.stem in videos)
    most = max(counts.values(), default=0)
    best = [folder for folder, count in counts.items() if count == most]
    if not most:
        raise DataError(
            f'{", ".join(map(str, places))}: expected features VIDEO.npy or .npz of '
            f'the {len(videos)} annotated videos, such as {min(videos)}, found none'
        )
    if len(best) > 1:
        raise DataError(
            f'{", ".join(map(str, best))}: hold features of {most} videos each; give '
            'the one that is wanted'
        )
    return best[0]


def _link(folder: Path, link: Path, prepared: Prepared) -> None:
    """Make ``link`` lead to ``folder``; an older link is replaced."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        if link.resolve() == folder.resolve():
            return
        raise DataError(f'{link}: exists and is no link; move it away to have {folder} instead')
    os.symlink(folder.resolve(), link, target_is_directory=True)
    sync_folder(link.parent)
    prepared.notes.append(f'{link} -> {folder}')


def _prepare_segmentation(prepared: Prepared, places, fps: float) -> None:
    mapping = next(iter(_files(places, 'mapping.txt')), None)
    home = mapping.parent if mapping else None
    missing = [
        part
        for part in ('groundTruth', 'features', 'splits')
        if home is None or not (home / part).is_dir()
    ]
    if home is None or missing:
        raise DataError(
            f'{", ".join(map(str, places))}: expected mapping.txt beside groundTruth/, '
            f'features/ and splits/, found no {missing[0] if home else "mapping.txt"}'
        )
    bundles = sorted((home / 'splits').glob('test.split*.bundle'))
    if not bundles:
        raise DataError(
            f'{home / "splits"}: expected test.split1.bundle and further ones, found none'
        )
    folder = prepared.root / 'annotations'
    for number, bundle in enumerate(bundles, 1):
        document = read_frames_txt(
            [home / 'groundTruth'],
            fps=fps,
            mapping=mapping,
            split=partial(listed_split, path=bundle),
        )
        path = folder / f'split_{number}.json'
        write_document(document, path, version=f'{home.name}, {bundle.name}')
        prepared.notes.append(
            f'{path}: '
            + ', '.join(f'{videos} {subset}' for subset, (videos, _) in document.counts().items())
        )
    _link(home / 'features', prepared.root / 'features', prepared)
