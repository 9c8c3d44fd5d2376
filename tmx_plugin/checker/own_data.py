# SPDX-License-Identifier: Apache-2.0
"""What a config for features and annotations of one's own must say, found out from the files."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
from mmaction.registry import DATASETS

from ..datasets.annotation_files import read_annotations, read_class_list, sorted_labels
from ..datasets.feature_io import FEATURE_SUFFIXES, read_features
from ..datasets.side_file import read_side_file
from ..errors import ConfigError, DataError, MissingFileError
from ..structures.annotations import match_subsets
from .coverage import Coverage, measure_coverage, suggest_ranges

#: Longest piece of a video in training, grid steps: that of the published configs.
MAX_WINDOW = 2304
#: Number of training steps aimed at, and limits of the number of epochs.
STEPS, MIN_EPOCHS, MAX_EPOCHS = 3000, 20, 100
BATCH_SIZE = 2


@dataclass
class OwnData:
    """Data set and what was derived from it.

    Attributes:
        dataset (dict): Arguments of :class:`TALDataset`, without subset and pipeline.
        train_subset, val_subset (str): Subsets of the annotations.
        num_classes, in_channels (int): Of the annotations and the features.
        lengths (np.ndarray): (V,) T of the training videos.
        coverage (Coverage): Training segments on the levels of :attr:`ranges`.
        max_segments (int): Most segments of one training video.
        dispersion (float): Variance of the number of segments of a class in a training video over
            its mean, of all classes together. 1 where segments come by chance (Poisson), less
            where videos follow a script.
    """

    dataset: dict
    train_subset: str
    val_subset: str
    num_classes: int
    in_channels: int
    lengths: np.ndarray
    coverage: Coverage
    max_segments: int
    dispersion: float

    @property
    def scripted(self) -> bool:
        """Whether the number of segments of a class in a video varies less than by chance."""
        return self.dispersion < 1

    @property
    def ranges(self) -> list:
        """Regression range of each level, grid steps."""
        return self.coverage.ranges

    @property
    def longest(self) -> float:
        """Length that 99 % of the segments do not exceed, grid steps."""
        return 2 * float(np.quantile(self.coverage.half_length, 0.99))

    @property
    def window(self) -> int:
        """Longest piece in training: nine of ten videos whole, any usual segment twice."""
        multiple = 2 ** (len(self.ranges) - 1)  # so that every level has a whole number of points
        wanted = max(float(np.quantile(self.lengths, 0.9)), 2 * self.longest)
        return max(math.ceil(min(wanted, MAX_WINDOW) / multiple), 1) * multiple

    @property
    def steps_per_epoch(self) -> int:
        """Batches of the training videos."""
        return math.ceil(len(self.lengths) / BATCH_SIZE)

    @property
    def epochs(self) -> int:
        """About :data:`STEPS` steps of training, within limits."""
        return int(np.clip(round(STEPS / self.steps_per_epoch), MIN_EPOCHS, MAX_EPOCHS))

    @property
    def positives(self) -> int:
        """Points of a batch that learn a class, about."""
        part = np.minimum(self.lengths, self.window).sum() / self.lengths.sum()
        return max(round(self.coverage.positive_points / len(self.lengths) * BATCH_SIZE * part), 1)

    @property
    def width(self) -> int:
        """Channels inside the network: narrow for narrow features."""
        return next(
            (width for limit, width in ((64, 64), (512, 128)) if self.in_channels < limit), 512
        )


def derive(
    features,
    ann_file,
    *,
    fps: Optional[float] = None,
    feature_stride: Optional[float] = None,
    offset_frames: Optional[float] = None,
) -> OwnData:
    """Look at a folder of features and an annotation file.

    Args:
        features (str | Path): Folder of one feature file a video.
        ann_file (str | Path): ActivityNet-style json.
        fps, feature_stride, offset_frames (float, optional): Geometry of the features; by default
            from the side files beside them.

    Raises:
        MissingFileError: The folder or the file does not exist.
        ConfigError: The geometry is known neither from side files nor from the arguments.
        DataError: The files do not fit each other.
    """
    features, ann_file = Path(features).resolve(), Path(ann_file).resolve()
    if not features.is_dir():
        raise MissingFileError(f'{features}: no such folder of features')
    videos = read_annotations(ann_file)
    files, naming = _match_files(features, [video.video_id for video in videos])
    shapes = {name: read_features(path).shape for name, path in files.items()}
    layout, in_channels = _layout(features, list(shapes.values()))
    geometry = _geometry(
        files, videos, dict(fps=fps, feature_stride=feature_stride, offset_frames=offset_frames)
    )
    labels = sorted_labels(videos)
    class_file = _class_file(ann_file, labels)
    dataset = dict(
        ann_file=str(ann_file),
        data_prefix=dict(feats=str(features)),
        **naming,
        layout=layout,
        class_file=class_file and str(class_file),
        missing='skip',
        **geometry,
    )
    subsets = Counter(video.subset for video in videos if video.video_id in files)
    train, val = _subsets(ann_file, subsets)
    built = DATASETS.build(dict(type='TALDataset', subset=train, pipeline=[], **dataset))
    data_list = [built.get_data_info(index) for index in range(len(built))]
    lengths = {info['video_id']: shapes[info['video_id']][layout.index('t')] for info in data_list}
    coverage = _coverage(data_list, lengths)
    num_classes = len(read_class_list(class_file) if class_file else labels)
    return OwnData(
        dataset,
        train,
        val,
        num_classes,
        in_channels,
        np.array([*lengths.values()]),
        coverage,
        max(len(info['labels']) for info in data_list),
        _dispersion([info['labels'] for info in data_list], num_classes),
    )


def _class_file(ann_file: Path, labels: tuple) -> Optional[Path]:
    """``classes.txt`` beside the annotations, where it names all labels."""
    path = ann_file.with_name('classes.txt')
    return path if path.is_file() and {*labels} <= {*read_class_list(path)} else None


def _coverage(data_list: list, lengths: dict) -> Coverage:
    """Coverage of the segments by the ranges that are suggested for them."""
    first = measure_coverage(data_list, lengths, [(0, 4), (4, 10000)])
    return measure_coverage(data_list, lengths, suggest_ranges(first.half_length))


def _dispersion(labels: list, num_classes: int) -> float:
    counts = np.stack([np.bincount(each, minlength=num_classes) for each in labels])
    return float(counts.var(axis=0).sum() / counts.mean(axis=0).sum())


def _match_files(folder: Path, names: list) -> tuple:
    """Feature file by video, and prefix and suffix that file names have around the video's."""
    paths = [path for path in folder.rglob('*') if path.suffix in FEATURE_SUFFIXES]
    by_name = {path.relative_to(folder).as_posix(): path for path in paths}
    affixes: Counter = Counter()
    for name in names[:50]:
        for found in by_name:
            before, hit, after = found.partition(name)
            if hit and after.endswith(FEATURE_SUFFIXES):
                affixes[before, after] += 1
    if not affixes:
        raise DataError(
            f'{folder}: expected feature files named after the videos of the '
            f'annotations, such as {names[0]}.npy, found '
            f'{", ".join(sorted(by_name)[:3]) or "no feature files"}'
        )
    prefix, suffix = max(affixes, key=lambda pair: (affixes[pair], -len(''.join(pair))))
    files = {name: by_name[key] for name in names if (key := prefix + name + suffix) in by_name}
    return files, dict(feature_prefix=prefix, feature_suffix=suffix)


def _layout(folder: Path, shapes: list) -> tuple:
    """Layout of the files, ``'tc'`` or ``'ct'``, and number of channels."""
    for layout, axis in (('tc', 1), ('ct', 0)):
        widths = {shape[axis] for shape in shapes}
        if len(widths) == 1:
            return layout, widths.pop()
    raise DataError(
        f'{folder}: expected files of one number of channels, found shapes '
        f'{", ".join(map(str, sorted({*shapes})[:4]))}'
    )


def _geometry(files: dict, videos: list, given: dict) -> dict[str, Any]:
    """``fps``, ``feature_stride`` and ``offset_frames``: the options, else the side files."""
    sides = [side for path in files.values() if (side := read_side_file(path)) is not None]
    for side in sides:
        side.setdefault('offset_frames', side['clip_len'] / 2 if 'clip_len' in side else None)
    found = {}
    for key, name in (
        ('fps', 'fps'),
        ('feature_stride', 'stride'),
        ('offset_frames', 'offset_frames'),
    ):
        values = {side.get(name) for side in sides}
        found[key] = (
            given[key] if given[key] is not None else (values.pop() if len(values) == 1 else None)
        )
    told = all(video.fps or video.num_frames for video in videos)
    missing = [key for key in found if found[key] is None and not (key == 'fps' and told)]
    if missing:
        options = ' '.join(f'--{key.replace("_", "-")}' for key in missing)
        raise ConfigError(
            f'where on the time axis the features lie is not known: no side files '
            f'beside them say it; give {options}'
        )
    return found


def _subsets(ann_file: Path, subsets: Counter) -> tuple:
    train = match_subsets(['training'], subsets)
    val = match_subsets(['validation'], subsets) or match_subsets(['test'], subsets)
    if not train or not val:
        raise DataError(
            f'{ann_file}: expected videos with features in a subset "training" and in '
            f'one "validation" or "test", found {dict(subsets) or "none"}; '
            'tmx convert --val-share 0.2 draws one'
        )
    return train[0], val[0]
