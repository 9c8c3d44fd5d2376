# SPDX-License-Identifier: Apache-2.0
"""Recognizer checkpoints: found, identified and loaded without running code from them."""

import hashlib
from typing import Any

import torch

from ...errors import CheckpointError, CheckpointMismatchError
from ..checkpoint import load_checkpoint_file, state_differences
from ..checkpoint_file import local_checkpoint
from .public_layouts import public_layout, to_recognizer_state


def file_hash(path) -> str:
    """SHA-256 of a file, as ``sha256sum`` prints it."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def load_recognizer_weights(recognizer: Any, checkpoint: str) -> None:
    """Load backbone and neck of a recognizer; classification heads are loaded where they fit.

    Public files of I3D and PySlowFast are recognized by their keys (see
    :mod:`~tmx_plugin.models.backbones.public_layouts`). Counters of batch normalization
    (``num_batches_tracked``) may be absent.

    Args:
        recognizer (nn.Module): A recognizer, with or without its head.
        checkpoint (str): File or URL; a state dict, or a dict with ``state_dict`` or
            ``model_state``.

    Raises:
        CheckpointError: If the file cannot be read safely, or holds no state dict.
        CheckpointMismatchError: If names or shapes differ from the recognizer's, heads aside;
            nothing is loaded then. The message lists the differences.
    """
    path = local_checkpoint(checkpoint)
    loaded = load_checkpoint_file(path)
    state = next((loaded[key] for key in ('state_dict', 'model_state') if key in loaded), loaded)
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in state.items()
    ):
        raise CheckpointError(
            f'{path}: expected named tensors, possibly under "state_dict" or '
            f'"model_state", found the keys {sorted(map(str, loaded))[:10]}'
        )
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    layout = public_layout(state)
    state = to_recognizer_state(state)
    own = recognizer.state_dict()
    head = {key: value for key, value in state.items() if key.startswith('cls_head.')}
    body = {key: value for key, value in state.items() if key not in head}
    expected = {
        key: value
        for key, value in own.items()
        if not key.startswith('cls_head.')
        and (key in body or not key.endswith('.num_batches_tracked'))
    }
    lines = state_differences(body, expected)
    if lines:
        raise CheckpointMismatchError(
            f'{path} does not fit the recognizer; nothing was loaded. {len(lines)} difference(s) '
            'to a recognizer whose names start with '
            f'{", ".join(sorted({key.split(".")[0] for key in expected}))}:\n  '
            + '\n  '.join(lines)
        )
    body.update(
        (key, value) for key, value in head.items() if key in own and own[key].shape == value.shape
    )
    recognizer.load_state_dict(body, strict=False)
    if layout == 'kinetics_i3d_pytorch':
        recognizer.backbone.follow_tf_port()
