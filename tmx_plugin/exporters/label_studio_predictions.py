# SPDX-License-Identifier: Apache-2.0
"""Detections as pre-annotations for Label Studio's video time line.

Frames count from 1 at the ``frameRate`` of the labelling configuration, which the file does not
hold. A range [a, b] covers frames a to b, both included: the times (a - 1) / rate to b / rate.
"""

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional
from xml.etree import ElementTree

from tmx_plugin.utils.files import atomic_write

from ..errors import ConfigError
from .checked import encodable, require_finite

CONTROL, OBJECT, TYPE = 'videoLabels', 'video', 'timelinelabels'


def write_label_studio(
    detections: Mapping, path: str | Path, *, frame_rate: float, video_urls: Optional[dict] = None
) -> Path:
    """Write one task a video, with its detections as a prediction.

    Args:
        detections (dict): ``{video: [{'label', 'score', 'segment'}]}``, seconds.
        path (str | Path): The .json file, to be imported into a project whose labelling
            configuration is that of :func:`label_studio_config`.
        frame_rate (float): ``frameRate`` of the labelling configuration, in frames a second.
        video_urls (dict, optional): ``{video: url}``, where Label Studio finds each video; by
            default the video's name.

    Returns:
        Path: ``path``.

    Raises:
        ConfigError: If ``frame_rate`` is not a positive number.
        DataError: If a time or score is not finite.
    """
    _check_rate(frame_rate)
    require_finite(detections)
    urls = video_urls or {}
    with atomic_write(path) as file:
        file.write('[')
        for number, (video, items) in enumerate(detections.items()):
            task = dict(
                data={OBJECT: urls.get(video, video)},
                predictions=[_prediction(video, items, frame_rate)],
            )
            file.write(',\n' if number else '\n')
            file.write(json.dumps(task, indent=1, allow_nan=False))
        file.write('\n]\n')
    return Path(path)


def label_studio_config(labels: Sequence[str], frame_rate: float) -> str:
    """The labelling configuration (xml) that the written tasks fit.

    Args:
        labels (Sequence[str]): Class names.
        frame_rate (float): Frames a second.

    Raises:
        ConfigError: If ``frame_rate`` is not a positive number.
    """
    _check_rate(frame_rate)
    view = ElementTree.Element('View')
    control = ElementTree.SubElement(view, 'TimelineLabels', name=CONTROL, toName=OBJECT)
    for label in labels:
        ElementTree.SubElement(control, 'Label', value=label)
    ElementTree.SubElement(
        view, 'Video', name=OBJECT, value=f'${OBJECT}', frameRate=f'{frame_rate:.10g}'
    )
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding='unicode')


def _prediction(video: str, items: list, rate: float) -> dict:
    result: list[dict] = []
    for number, item in enumerate(items):
        start, end = (max(round(seconds * rate), 0) for seconds in item['segment'])
        region = dict(
            # The same detections give the same file.
            id=uuid.uuid5(uuid.NAMESPACE_URL, f'{encodable(video)}#{number}').hex[:10],
            from_name=CONTROL,
            to_name=OBJECT,
            type=TYPE,
            value={
                'ranges': [dict(start=start + 1, end=max(end, start + 1))],
                TYPE: [item['label']],
            },
        )
        if item.get('score') is not None:
            region['score'] = item['score']
        result.append(region)
    scores = [region['score'] for region in result if 'score' in region]
    # Label Studio sorts tasks by the score of the whole prediction.
    return dict(
        model_version='tmx_plugin',
        score=sum(scores) / len(scores) if scores else 0.0,
        result=result,
    )


def _check_rate(rate: float) -> None:
    if not (isinstance(rate, (int, float)) and math.isfinite(rate) and rate > 0):
        raise ConfigError(
            'expected the frameRate of the labelling configuration as a positive '
            f'number of frames a second, got {rate!r}'
        )
