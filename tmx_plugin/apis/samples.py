# SPDX-License-Identifier: Apache-2.0
"""Batches of videos, and what was found in one: named actions, a picture and a preview."""

import difflib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Optional

import numpy as np
from mmaction.registry import DATASETS
from mmaction.structures import ActionDataSample

from .. import visualization
from ..errors import ConfigError, DataError
from ..exporters import to_detections
from ..utils.files import VIDEO_SUFFIXES
from .preview import write_preview


class Batches:
    """Batches of an iterator; with a length, so that a progress bar knows its end.

    >>> batches = Batches(iter('abc'), 2, 3, ''.join)
    >>> len(batches), list(batches)
    (2, ['ab', 'c'])
    """

    def __init__(self, items: Iterator, batch_size: int, count: int, collate) -> None:
        self.items, self.batch_size, self.count, self.collate = items, batch_size, count, collate

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    def __iter__(self) -> Iterator:
        while batch := list(islice(self.items, self.batch_size)):
            yield self.collate(batch)


def find_classes(given: Optional[Sequence[str]], count: int, model, dataset: dict) -> tuple:
    """Names of ``count`` classes: those given, else the checkpoint's, else the data set's.

    Raises:
        ConfigError: There are more or fewer names.
    """
    classes = tuple(
        given
        or model.dataset_meta.get('classes')
        or DATASETS.get(dataset['type']).config_classes(dataset, count)
        or (f'class {i}' for i in range(count))
    )
    if len(classes) != count:
        raise ConfigError(f'the model knows {count} classes, but {len(classes)} names are given')
    return classes


def class_number(name: str, classes: Sequence[str]) -> int:
    """Index of a class.

    Raises:
        ConfigError: There is none of this name; with the nearest names.
    """
    if name not in classes:
        near = difflib.get_close_matches(name, classes)
        raise ConfigError(
            f'there is no class {name!r}' + (f'; did you mean {" or ".join(near)}?' if near else '')
        )
    return classes.index(name)


def describe_sample(sample: ActionDataSample, classes: Sequence[str]) -> dict:
    """``video`` (name), ``source`` (path), ``duration`` (seconds) and ``actions`` of a sample."""
    return dict(
        video=sample.video_id,
        source=sample.source,
        duration=sample.duration,
        actions=named_actions(sample, classes),
    )


def named_actions(sample: ActionDataSample, classes: Sequence[str]) -> list:
    """Segments of a sample, ``label``, ``score`` and ``segment`` in seconds each, best first."""
    found = sample.pred_instances
    return to_detections(found.segments.cpu(), found.scores.cpu(), found.labels.cpu(), classes)


def draw_sample(
    sample: ActionDataSample, classes: Sequence[str], score_thr: float, path: Optional[Path] = None
) -> np.ndarray:
    """Picture of a sample's timeline, (H, W, 3) uint8 RGB; written to ``path`` if that is given."""
    found = [sample.pred_instances[key].cpu().numpy() for key in ('segments', 'scores', 'labels')]
    figure = visualization.draw_timeline(
        None,
        None,
        *found,
        duration=sample.duration,
        classes=classes,
        title=sample.video_id,
        score_thr=score_thr,
    )
    image = visualization.figure_to_image(figure)
    if path is not None:
        visualization.save_figure(figure, path)
    return image


def preview_sample(
    sample: ActionDataSample, classes: Sequence[str], path: Path, score_thr: float
) -> None:
    """Write the video of a sample with its actions on the frames.

    Raises:
        DataError: The sample was made of features.
    """
    if Path(sample.source).suffix.lower() not in VIDEO_SUFFIXES:
        raise DataError(
            f'{sample.source}: a preview can be written of videos only, not of their features'
        )
    actions = named_actions(sample, classes)
    write_preview(sample.source, [x for x in actions if x['score'] >= score_thr], path)
