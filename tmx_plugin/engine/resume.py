# SPDX-License-Identifier: Apache-2.0
"""What a training believes of a checkpoint that it goes on from."""

import difflib
from pathlib import Path
from pickle import UnpicklingError
from typing import Callable

import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from tmx_plugin.errors import CheckpointError
from tmx_plugin.models.safe_objects import history_from_plain

_DIFFERENT_LINES = 20
#: Settings that say how a run is started and not what it computes.
_HOW_STARTED = ('work_dir', 'resume', 'load_from', 'launcher')


def check_resumable(checkpoint: dict, name) -> None:
    """Refuse a checkpoint that does not hold the whole state of a training.

    Log histories that are stored as plain data become MMEngine's objects, in place.

    Args:
        checkpoint (dict): As :func:`load_checkpoint_file` returns it.
        name (str | Path): What messages call it.

    Raises:
        CheckpointError: A part is missing or of another kind.
    """
    missing = [
        key
        for key in ('state_dict', 'optimizer', 'message_hub', 'meta')
        if not isinstance(checkpoint.get(key), dict)
    ]
    if missing:
        raise CheckpointError(
            f'{name} was not written by a training run of this project, or holds weights only '
            f'(without {", ".join(missing)}), and cannot be resumed from; to start a new training '
            'with its weights, set load_from to it instead of --resume.'
        )
    hub, meta = checkpoint['message_hub'], checkpoint['meta']
    counts = [meta.get('epoch'), meta.get('iter')]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise CheckpointError(
            f'{name} cannot be resumed from: expected numbers of epochs and '
            f'iterations in its meta, found {str(counts)[:80]}'
        )
    for key in ('log_scalars', 'runtime_info', 'resumed_keys'):
        if not isinstance(hub.get(key), dict):
            raise CheckpointError(f'{name} cannot be resumed from: its message_hub has no {key}')
    try:
        for key, value in hub['log_scalars'].items():
            if not isinstance(value, HistoryBuffer):
                hub['log_scalars'][key] = history_from_plain(value)
    except (UnpicklingError, AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(
            f'{name} cannot be resumed from: its log of {key} is damaged ({error})'
        ) from None


def believe_own_paths(info: dict, folder, say: Callable[[str], None]) -> None:
    """Let paths in a checkpoint name files of the run's own folder and nothing else, in place.

    Args:
        info (dict): ``runtime_info`` of the message hub.
        folder (str | Path): Where this run keeps its checkpoints. A path becomes the file of the
            same name there, or is forgotten where there is none.
        say (Callable): Gets a sentence for a best checkpoint that lies elsewhere.
    """
    for key in [key for key in info if str(key).startswith(('best_ckpt', 'last_ckpt'))]:
        value = info[key]
        own = Path(folder, Path(value).name) if isinstance(value, str) else None
        if own is not None and own.is_file():
            info[key] = str(own)
            continue
        del info[key]
        if str(key).startswith('best_ckpt') and value:
            say(
                f'The best checkpoint so far, {str(value)[:200]}, is not in {folder}; it is left '
                'where it is, and only a better score is saved here'
            )
    for key in [key for key in info if str(key).startswith('best_score')]:
        if not isinstance(info[key], (int, float)):
            del info[key]
    ids = info.get('keep_ckpt_ids')
    if ids is not None and not (
        isinstance(ids, list) and all(type(step) is int and step >= 0 for step in ids)
    ):
        del info['keep_ckpt_ids']


def check_optimizer(saved: dict, optimizer: torch.optim.Optimizer, name) -> None:
    """Refuse the state of another optimizer before anything of it is set.

    Raises:
        CheckpointError: Groups, numbers of parameters or shapes differ.
    """
    expected = [group['params'] for group in optimizer.param_groups]
    groups = saved.get('param_groups')
    found: list = (
        [group.get('params') if isinstance(group, dict) else None for group in groups]
        if (isinstance(groups, list))
        else []
    )
    sizes = [len(ids) if isinstance(ids, list) else None for ids in found]
    if sizes != [len(params) for params in expected]:
        raise CheckpointError(
            f'{name} cannot be resumed from: its optimizer has groups of {sizes} parameters, '
            f'expected {[len(params) for params in expected]}'
        )
    state = saved.get('state')
    for ids, params in zip(found, expected):
        for index, param in zip(ids, params):
            entry = state.get(index, {}) if isinstance(state, dict) else None
            for key, value in entry.items() if isinstance(entry, dict) else [('state', None)]:
                scalar = not isinstance(value, torch.Tensor) or value.dim() == 0
                if value is None or not scalar and value.shape != param.shape:
                    raise CheckpointError(
                        f'{name} cannot be resumed from: {key} of parameter '
                        f'{index} in its optimizer does not fit the model'
                    )


def check_average(saved, model: nn.Module, name) -> None:
    """Refuse averaged weights that do not fit the model.

    Raises:
        CheckpointError: Keys or shapes differ.
    """
    state = (
        {key.removeprefix('module.'): value for key, value in saved.items() if key != 'steps'}
        if isinstance(saved, dict)
        else {}
    )
    expected = model.state_dict()
    fits = state.keys() == expected.keys() and all(
        isinstance(value, torch.Tensor) and value.shape == expected[key].shape
        for key, value in state.items()
    )
    if not fits:
        raise CheckpointError(
            f'{name} cannot be resumed from: its averaged weights '
            '(ema_state_dict) do not fit the model'
        )


def config_differences(stored, current: str) -> list[str]:
    """Lines in which two configs differ, as text; the stored one is never run.

    Args:
        stored: What a checkpoint holds as its config.
        current (str): Text of the config of this run.

    Returns:
        list[str]: ``- stored line`` and ``+ current line``, up to 20.
    """
    if not isinstance(stored, str):
        return []
    before, now = (
        [line for line in text.splitlines() if not line.startswith(_HOW_STARTED)]
        for text in (stored, current)
    )
    lines = [
        line
        for line in difflib.unified_diff(before, now, lineterm='', n=0)
        if not line.startswith(('---', '+++', '@@'))
    ]
    return lines[:_DIFFERENT_LINES]
