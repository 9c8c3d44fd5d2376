# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of the two public implementations, as they were released, for this plugin's model.

Which one wrote a file is told by its keys. A file that does not fit the model to the last tensor is
refused with the list of differences, so a model is never half loaded.
"""
import pickle
import re

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

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
#: EPIC-Kitchens-100 nouns without an instance: the original has a class for each of the 300.
EPIC_NOUNS_WITHOUT_INSTANCE = (270, 275, 286, 289, 290, 294, 296)


class CheckpointMismatchError(ValueError):
    """A checkpoint does not fit the model it is loaded into."""


def load_checkpoint_file(path) -> dict:
    """Read a checkpoint without running any code that it may contain.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a checkpoint, or holds objects other than tensors and plain data.
    """
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f'{path} is not a checkpoint that can be read safely: {error}') from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} holds a {type(checkpoint).__name__}, expected a dict with '
                         'a state_dict')
    return checkpoint


def checkpoint_source(keys) -> str:
    """Who wrote a state dict with these keys: ``'OpenTAD'``, ``'original'`` or ``'plugin'``."""
    keys = [_strip(key) for key in keys]
    if any(key.startswith(('projection.embed.', 'rpn_head.')) for key in keys):
        return 'OpenTAD'
    if any(key.startswith(('backbone.embd.', 'reg_head.offset_head.')) for key in keys):
        return 'original'
    return 'plugin'


def to_plugin_checkpoint(checkpoint: dict, model: nn.Module) -> dict:
    """A checkpoint whose ``state_dict`` fits ``model``, from any known source.

    Args:
        checkpoint (dict): As it was loaded from the file. EMA weights are preferred.
        model (nn.Module): The :class:`TemporalMaxer` that the weights are for.

    Returns:
        dict: All that the checkpoint holds where this plugin wrote it, else ``state_dict`` and
        ``meta`` alone (in ``meta['layer_norm_eps']`` the eps that the weights were trained with).

    Raises:
        CheckpointMismatchError: Keys or shapes differ from the model's; the message lists them.
    """
    weights, kind = _choose_weights(checkpoint)
    source = checkpoint_source(weights)
    if source == 'plugin':
        weights = {_strip(key): value for key, value in weights.items()}
        check_fits(weights, model, 'the checkpoint')
        rest = checkpoint if 'state_dict' in checkpoint else dict(meta={})
        return {**rest, 'state_dict': weights}

    state = _convert_state(weights, source, model)
    check_fits(state, model, f'the checkpoint ({source} layout)')
    epoch = checkpoint.get('epoch')
    print_log(f'checkpoint written by the {source} implementation'
              f'{"" if epoch is None else f" (its epoch {epoch}, counted from 0)"}: using its '
              f'{kind} weights', 'current')
    meta = dict(source=source, weights=kind)
    if source == 'original':
        meta['layer_norm_eps'] = _ORIGINAL_NORM_EPS
    return dict(state_dict=state, meta=meta)


def apply_norm_eps(checkpoint: dict, model: nn.Module) -> None:
    """Give the model's LayerNorms the eps that the checkpoint's weights were trained with."""
    eps = (checkpoint.get('meta') or {}).get('layer_norm_eps')
    if eps is not None:
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = eps


def check_fits(state: dict[str, Tensor], model: nn.Module, name: str) -> None:
    """Raise :class:`CheckpointMismatchError` unless keys and shapes are exactly the model's.

    A model with a video backbone may take a checkpoint without one: a localizer that was trained on
    extracted features.
    """
    expected = model.state_dict()
    if not any(key.startswith('backbone.') for key in state):
        expected = {key: v for key, v in expected.items() if not key.startswith('backbone.')}
    differences = [f'missing     {key} {_shape(expected[key])}' for key in expected
                   if key not in state]
    differences += [f'unexpected  {key} {_shape(state[key])}' for key in state
                    if key not in expected]
    differences += [
        f'shape       {key}: the file has {_shape(state[key])}, the model {_shape(value)}'
        for key, value in expected.items() if key in state and state[key].shape != value.shape]
    if differences:
        raise CheckpointMismatchError(
            f'{name} does not fit the model of this config; nothing was loaded. '
            f'{len(differences)} difference(s):\n  ' + '\n  '.join(differences))


def _choose_weights(checkpoint: dict) -> tuple[dict[str, Tensor], str]:
    if checkpoint.get('state_dict_ema'):
        weights, kind = checkpoint['state_dict_ema'], 'EMA'
    else:
        weights, kind = checkpoint.get('state_dict', checkpoint), 'plain'
    bad = [key for key, value in weights.items() if not isinstance(value, Tensor)]
    if bad or not weights:
        raise CheckpointMismatchError(
            'the file holds no state dict: expected tensors under "state_dict" or '
            f'"state_dict_ema", found the keys {sorted(map(str, checkpoint))[:10]}')
    return weights, kind


def _convert_state(weights: dict[str, Tensor], source: str, model: nn.Module
                   ) -> dict[str, Tensor]:
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
    num_absent = len(EPIC_NOUNS_WITHOUT_INSTANCE)
    for key in ('head.cls_conv.weight', 'head.cls_conv.bias'):
        value = state.get(key)
        if value is not None and len(value) == 300 == len(expected[key]) + num_absent:
            keep = torch.ones(300, dtype=torch.bool)
            keep[list(EPIC_NOUNS_WITHOUT_INSTANCE)] = False
            state[key] = value[keep]


def _strip(key: str) -> str:
    """Key without the prefixes that model wrappers add."""
    while key.startswith('module.'):
        key = key[len('module.'):]
    return key


def _shape(value: Tensor) -> str:
    return str(tuple(value.shape))
