# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of the two public implementations, as they were released, for this plugin's model.

Which one wrote a file is told by its keys. A file that does not fit the model to the last tensor is
refused with the list of differences, so a model is never half loaded.
"""

import logging
import re
from typing import Optional

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ..errors import CheckpointError, CheckpointMismatchError
from ..structures.epic_constants import NOUNS_WITHOUT_INSTANCE
from .checkpoint_file import load_checkpoint_file

__all__ = [
    'CheckpointError',
    'CheckpointMismatchError',
    'apply_norm_eps',
    'checkpoint_source',
    'differences',
    'load_checkpoint_file',
    'state_differences',
    'to_plugin_checkpoint',
]

#: (pattern, replacement) from the reference's key to ours, tried in order.
_KEY_RULES: dict[str, list[tuple[str, str]]] = {
    'OpenTAD': [
        (r'projection\.embed\.', 'neck.embed.'),
        (r'neck\.fpn_norms\.', 'neck.level_norms.'),
        (r'rpn_head\.(cls|reg)_convs\.', r'head.\1_tower.'),
        (r'rpn_head\.(cls|reg)_head\.', r'head.\1_conv.'),
        (r'rpn_head\.scale\.', 'head.scales.'),
        (r'rpn_head\.loss_normalizer$', 'head.loss_normalizer'),
    ],
    'original': [
        (r'backbone\.embd\.(\d+)\.conv\.', r'neck.embed.\1.conv.'),
        (r'backbone\.embd_norm\.(\d+)\.', r'neck.embed.\1.norm.'),
        (r'neck\.fpn_norms\.', 'neck.level_norms.'),
        (r'(cls|reg)_head\.head\.(\d+)\.conv\.', r'head.\1_tower.\2.conv.'),
        (r'(cls|reg)_head\.norm\.(\d+)\.', r'head.\1_tower.\2.norm.'),
        (r'cls_head\.cls_head\.conv\.', 'head.cls_conv.'),
        (r'reg_head\.offset_head\.conv\.', 'head.reg_conv.'),
        (r'reg_head\.scale\.', 'head.scales.'),
    ],
}
_ORIGINAL_NORM_EPS = 1e-5

#: Parts that a model may have or not: beginning of their keys, setting, what they are untrained.
_OPTIONAL = (
    (
        'head.class_prior.',
        'model.head.class_prior',
        ', which is neutral before a training estimates it',
    ),
    ('frame_head.', 'model.frame_head', ''),
    ('neck.top_down_scales', 'model.neck.top_down', ''),
)


def checkpoint_source(keys) -> str:
    """Who wrote a state dict with these keys: ``'OpenTAD'``, ``'original'`` or ``'plugin'``."""
    keys = [_strip(key) for key in keys]
    if any(key.startswith(('projection.embed.', 'rpn_head.')) for key in keys):
        return 'OpenTAD'
    if any(key.startswith(('backbone.embd.', 'reg_head.offset_head.')) for key in keys):
        return 'original'
    return 'plugin'


def to_plugin_checkpoint(
    checkpoint: dict, model: nn.Module, name='the checkpoint', strict: bool = True
) -> dict:
    """A checkpoint whose ``state_dict`` fits ``model``, from any known source.

    Args:
        checkpoint (dict): As it was loaded from the file. EMA weights are preferred.
        model (nn.Module): The :class:`TemporalMaxer` that the weights are for.
        name (str): What messages call the checkpoint.
        strict (bool): Whether all must fit. False keeps what does, and warns of the rest.

    Returns:
        dict: All that the checkpoint holds where this plugin wrote it, else ``state_dict`` and
        ``meta`` alone (in ``meta['layer_norm_eps']`` the eps that the weights were trained with).

    Raises:
        CheckpointError: It holds no weights.
        CheckpointMismatchError: Keys or shapes differ from the model's; the message lists them.
            If not ``strict``: nothing fits.
    """
    weights, kind = _choose_weights(checkpoint, name)
    source = checkpoint_source(weights)
    if source == 'plugin':
        state = {_strip(key): value for key, value in weights.items()}
        state = _fitting(state, model, name, strict)
        rest = checkpoint if 'state_dict' in checkpoint else dict(meta={})
        return {**rest, 'state_dict': state}

    state = _convert_state(weights, source, model)
    state = _fitting(state, model, f'{name} ({source} layout)', strict)
    epoch = checkpoint.get('epoch')
    print_log(
        f'checkpoint written by the {source} implementation'
        f'{"" if epoch is None else f" (its epoch {epoch}, counted from 0)"}: using its '
        f'{kind} weights',
        'current',
    )
    meta: dict = dict(source=source, weights=kind)
    if source == 'original':
        meta['layer_norm_eps'] = _ORIGINAL_NORM_EPS
        print_log(
            'its classes are in the order of label_id in the annotations it was trained on; '
            'the class_file of the data set must be in that order, too',
            'current',
        )
    return dict(state_dict=state, meta=meta)


def apply_norm_eps(checkpoint: dict, model: nn.Module) -> Optional[float]:
    """Give the model's LayerNorms the eps that the checkpoint's weights were trained with.

    Returns:
        float, optional: That eps, None where the checkpoint does not say one.
    """
    eps = (checkpoint.get('meta') or {}).get('layer_norm_eps')
    if eps is not None:
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = eps
    return eps


def differences(state: dict[str, Tensor], model: nn.Module) -> list[str]:
    """How keys and shapes differ from the model's, a line each; empty where it fits exactly.

    A model with a video backbone may take a checkpoint without one: a localizer that was trained on
    extracted features.
    """
    expected = model.state_dict()
    if not any(key.startswith('backbone.') for key in state):
        expected = {key: v for key, v in expected.items() if not key.startswith('backbone.')}
    return state_differences(state, expected)


def state_differences(state: dict[str, Tensor], expected: dict[str, Tensor]) -> list[str]:
    """How names and shapes of tensors differ from the expected ones, a line each."""
    lines = [f'missing     {key} {_shape(expected[key])}' for key in expected if key not in state]
    lines += [f'unexpected  {key} {_shape(state[key])}' for key in state if key not in expected]
    return lines + [
        f'shape       {key}: the file has {_shape(state[key])}, the model {_shape(value)}'
        for key, value in expected.items()
        if key in state and state[key].shape != value.shape
    ]


def _fitting(
    state: dict[str, Tensor], model: nn.Module, name: str, strict: bool
) -> dict[str, Tensor]:
    """The tensors that fit the model: all of them, or an error; if not strict, a warning."""
    lines = differences(state, model)
    if not lines:
        return state
    expected = model.state_dict()
    fitting = {
        key: value
        for key, value in state.items()
        if key in expected and value.shape == expected[key].shape
    }
    message = (
        f'{name} does not fit the model of this config; {{}}. '
        f'{len(lines)} difference(s):\n  ' + '\n  '.join([*lines, *_advice(state, expected)])
    )
    if strict or not fitting:
        raise CheckpointMismatchError(message.format('nothing was loaded'))
    print_log(
        message.format(f'the {len(fitting)} tensors that do fit are loaded (strict=False)'),
        'current',
        logging.WARNING,
    )
    return fitting


def _advice(state: dict[str, Tensor], expected: dict[str, Tensor]) -> list[str]:
    """A sentence on each setting with which the weights were trained and the model is not."""
    lines = []
    for prefix, setting, note in _OPTIONAL:
        trained, wanted = (
            any(key.startswith(prefix) for key in keys) for keys in (state, expected)
        )
        if trained and not wanted:
            lines.append(f'the weights were trained with {setting}; the config needs it, too')
        elif wanted and not trained:
            lines.append(
                f'the weights were trained without {setting}{note}; leave it out with '
                f'--cfg-options {setting}=None'
            )
    return lines


def _choose_weights(checkpoint: dict, name: str) -> tuple[dict[str, Tensor], str]:
    if isinstance(checkpoint, dict) and checkpoint.get('state_dict_ema'):
        weights, kind = checkpoint['state_dict_ema'], 'EMA'
    elif isinstance(checkpoint, dict):
        weights, kind = checkpoint.get('state_dict', checkpoint), 'plain'
    else:
        weights, kind = None, ''
    is_state = (
        isinstance(weights, dict)
        and weights
        and all(
            isinstance(key, str) and isinstance(value, Tensor) for key, value in weights.items()
        )
    )
    if not is_state:
        found = (
            f'the keys {sorted(map(str, checkpoint))[:10]}'
            if isinstance(checkpoint, dict)
            else f'a {type(checkpoint).__name__}'
        )
        raise CheckpointError(
            f'{name} holds no state dict: expected named tensors under '
            f'"state_dict" or "state_dict_ema", found {found}'
        )
    for key, value in weights.items():
        if value.layout != torch.strided or value.is_complex() or value.is_quantized:
            raise CheckpointError(
                f'{name}: {key} is a tensor of {value.dtype} and '
                f'{value.layout}, expected a dense one of real numbers'
            )
    return weights, kind


def _convert_state(weights: dict[str, Tensor], source: str, model: nn.Module) -> dict[str, Tensor]:
    """Rename and reshape the tensors of a reference's state dict."""
    expected = model.state_dict()
    state = {}
    for key, value in weights.items():
        new_key = _strip(key)
        for pattern, replacement in _KEY_RULES[source]:
            new_key, count = re.subn('^' + pattern, replacement, new_key)
            if count:
                break
        if value.dim() == 3 and value.shape[::2] == (1, 1):
            value = value[0, :, 0]  # the original's norms are (1, C, 1)
        if new_key == 'head.loss_normalizer':
            value = value.float()
        state[new_key] = value
    if source == 'original':
        # The original keeps the normaliser outside its state dict.
        state.setdefault('head.loss_normalizer', expected['head.loss_normalizer'].clone())
        _drop_absent_nouns(state, expected)
    return state


def _drop_absent_nouns(state: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Keep the classes with instances of the original's 300-class EPIC noun head."""
    num_absent = len(NOUNS_WITHOUT_INSTANCE)
    for key in ('head.cls_conv.weight', 'head.cls_conv.bias'):
        value = state.get(key)
        if value is not None and len(value) == 300 == len(expected[key]) + num_absent:
            keep = torch.ones(300, dtype=torch.bool)
            keep[list(NOUNS_WITHOUT_INSTANCE)] = False
            state[key] = value[keep]


def _strip(key: str) -> str:
    """Key without the prefixes that model wrappers add."""
    while key.startswith('module.'):
        key = key[len('module.') :]
    return key


def _shape(value: Tensor) -> str:
    return str(tuple(value.shape))
