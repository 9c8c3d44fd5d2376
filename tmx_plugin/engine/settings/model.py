# SPDX-License-Identifier: Apache-2.0
"""Settings that must fit each other: levels and ranges, widths, classes, lengths, schedules."""

from typing import TypeGuard

from ...datasets.transforms import StretchTime
from .parts import shown
from .rules import is_list, number, whole


def model_faults(cfg: dict) -> list:
    """What does not fit together in a config.

    Args:
        cfg (dict): The config.

    Returns:
        list[str]: A sentence a fault.
    """
    model = _dict(cfg, 'model')
    neck, head = _dict(model, 'neck'), _dict(model, 'head')
    faults = _range_faults(head.get('regression_ranges'), neck.get('num_levels', 6))
    width, taken = neck.get('out_channels', 512), head.get('in_channels', 512)
    if neck and head and _count(width) and _count(taken) and width != taken:
        faults.append(
            f'model.head.in_channels: expected {width} as model.neck.out_channels, found {taken}'
        )
    frame_head = _dict(model, 'frame_head')
    faults += [
        f'model.frame_head.{key}: expected {head[key]} as model.head.{key}, found {frame_head[key]}'
        for key in ('num_classes', 'in_channels')
        if _count(head.get(key)) and _count(frame_head.get(key)) and head[key] != frame_head[key]
    ]
    for split in ('train', 'val', 'test'):
        for path, dataset in _datasets(
            f'{split}_dataloader.dataset', _dict(cfg, f'{split}_dataloader').get('dataset')
        ):
            faults += _dataset_faults(path, dataset, neck, head, _dict(model, 'data_preprocessor'))
    return faults + _schedule_faults(cfg)


def _range_faults(ranges, levels) -> list:
    path = 'model.head.regression_ranges'
    if not is_list(ranges):
        return []
    faults, before = [], 0
    for i, pair in enumerate(ranges):
        if not is_list(pair) or len(pair) != 2 or not all(map(_is_end, pair)):
            faults.append(
                f'{path}[{i}]: expected two numbers of at least 0 (LOW, HIGH), found {shown(pair)}'
            )
            continue
        if not pair[0] < pair[1]:
            faults.append(f'{path}[{i}]: expected LOW < HIGH, found {shown(pair)}')
        if pair[0] < before:
            faults.append(
                f'{path}[{i}]: expected a range that starts at {before} or later, as '
                f'the one before it, found {shown(pair)}'
            )
        before = max(before, pair[0])
    if whole(1).holds(levels) and len(ranges) != levels:
        faults.append(
            f'{path}: expected {levels} ranges, one for each of model.neck.num_levels, '
            f'found {len(ranges)}'
        )
    return faults


def _dataset_faults(path: str, dataset: dict, neck: dict, head: dict, preprocessor: dict) -> list:
    faults = []
    channels, width = dataset.get('channels'), neck.get('in_channels')
    if (
        is_list(channels)
        and len(channels) == 2
        and all(map(whole(0).holds, channels))
        and (_count(width) and channels[1] - channels[0] != width)
    ):
        faults.append(
            f'{path}.channels: expected {width} channels as model.neck.in_channels, '
            f'found {shown(channels)}'
        )
    classes, count = _dict(dataset, 'metainfo').get('classes'), head.get('num_classes')
    if is_list(classes) and _count(count) and len(classes) != count:
        faults.append(
            f'{path}.metainfo.classes: expected {count} names as model.head.num_classes, '
            f'found {len(classes)}'
        )
    steps, pad_to = dataset.get('pipeline'), preprocessor.get('pad_to')
    for i, step in enumerate(steps if is_list(steps) else ()):
        length = _longest(step) if isinstance(step, dict) else None
        if _count(length) and _count(pad_to) and length > pad_to:
            faults.append(
                f'{path}.pipeline[{i}].max_seq_len: expected at most {pad_to} as '
                f'model.data_preprocessor.pad_to, found {length}'
            )
    return faults


def _longest(step: dict):
    """How long a transform lets a sample become, as far as that is said."""
    default = None
    if step.get('type') == 'StretchTime':
        ratio = step.get('ratio', StretchTime().ratio)
        if is_list(ratio) and any(map(number(above=1).holds, ratio)):
            default = StretchTime().max_seq_len
    return step.get('max_seq_len', default)


def _datasets(path: str, dataset):
    """Paths and configs of the data sets of features inside wrappers."""
    if not isinstance(dataset, dict):
        return
    yield path, dataset
    yield from _datasets(f'{path}.dataset', dataset.get('dataset'))
    parts = dataset.get('datasets')
    for i, part in enumerate(parts if is_list(parts) else ()):
        yield from _datasets(f'{path}.datasets[{i}]', part)


def _schedule_faults(cfg: dict) -> list:
    schedulers = cfg.get('param_scheduler')
    schedulers = schedulers if is_list(schedulers) else [schedulers]
    return [
        f'param_scheduler[{i}].end: expected more than begin, {each["begin"]}, found {each["end"]}'
        for i, each in enumerate(schedulers)
        if isinstance(each, dict)
        and all(whole().holds(each.get(key)) for key in ('begin', 'end'))
        and each['begin'] >= each['end']
    ]


def _dict(parent: dict, key: str) -> dict:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _count(value) -> TypeGuard[int]:
    return whole(1).holds(value)


def _is_end(value) -> bool:
    return number(0).holds(value) or value == float('inf')
