# SPDX-License-Identifier: Apache-2.0
"""What a recognizer's config says of its clips, and how its output becomes a feature."""

import inspect
from typing import Any, Optional

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn

# How MMAction2's backbones call the one clip length they can take, if they have such a limit.
_FIXED_LENGTH_ARGS = ('num_segments', 'num_frames', 'temporal_size', 't_size')


def pool_features(feats) -> Tensor:
    """Global average pooling over time and space.

    Args:
        feats (Tensor | Sequence): Output of a backbone or neck: ``(n, C)``, ``(n, L, C)``
            tokens, ``(n, C, h, w)`` or ``(n, C, t, h, w)``, or a (nested) sequence of those.

    Returns:
        Tensor: ``(n, C)``. Several maps are pooled one by one and concatenated in their
        order, e.g. the slow and then the fast pathway of SlowFast.
    """
    if not isinstance(feats, Tensor):
        return torch.cat([pool_features(each) for each in feats], dim=1)
    if feats.ndim == 3:
        return feats.mean(dim=1)
    return feats.flatten(2).mean(dim=2) if feats.ndim > 3 else feats


def fixed_clip_length(backbone_cfg: dict) -> Optional[int]:
    """Number of frames a backbone is built for, e.g. ``num_segments`` of a TSM.

    None where any number will do (3D convolutions, or frames looked at one by one).
    """
    backbone = (
        MODELS.get(backbone_cfg['type'])
        if isinstance(backbone_cfg['type'], str)
        else backbone_cfg['type']
    )
    parameters: dict[str, inspect.Parameter] = {}
    classes: tuple[Any, ...] = inspect.getmro(backbone) if backbone else ()
    for each in reversed(classes):  # a child may pass **kwargs
        parameters.update(inspect.signature(each.__init__).parameters)
    for name in _FIXED_LENGTH_ARGS:
        default = parameters[name].default if name in parameters else None
        value = backbone_cfg.get(name, default)
        if isinstance(value, int):
            return value
    return None


def as_recognizer(cfg: dict) -> dict:
    """A recognizer's config without its head; a plain backbone gets a recognizer around it."""
    cfg = dict(cfg)
    if 'backbone' not in cfg:
        # ImageNet / Kinetics statistics, which all of MMAction2's RGB backbones are trained on.
        is_3d = is_3d_backbone(cfg)
        cfg = dict(
            type='Recognizer3D' if is_3d else 'Recognizer2D',
            backbone=cfg,
            data_preprocessor=dict(
                type='ActionDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                format_shape='NCTHW' if is_3d else 'NCHW',
            ),
        )
    cfg.pop('cls_head', None)
    # Its data preprocessor is found in MMAction2 even where no default scope is set.
    cfg.setdefault('_scope_', 'mmaction')
    return cfg


def is_3d_backbone(cfg: dict) -> bool:
    """Whether a backbone has 3D convolutions."""
    return any(isinstance(module, nn.Conv3d) for module in MODELS.build(cfg).modules())
