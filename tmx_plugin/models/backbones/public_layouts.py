# SPDX-License-Identifier: Apache-2.0
"""Weight files of public recognizers in the names that MMAction2 recognizers use here.

The keys tell which project wrote a file:

* ``pytorch-i3d`` (``rgb_imagenet.pt``, ``flow_imagenet.pt``): I3D, names of :class:`InceptionI3D`;
* ``kinetics_i3d_pytorch`` (``i3d_rgb.pt``, ``i3d_flow.pt``): the same network, other names;
* ``PySlowFast`` (``.pyth``, under ``model_state``): SlowFast, names of ``ResNet3dSlowFast``.
"""

import re
from typing import Optional

from torch import Tensor

#: A key that only files of the layout have.
_SIGNATURES = {
    'pytorch-i3d': 'Mixed_5c.b0.conv3d.weight',
    'kinetics_i3d_pytorch': 'mixed_5c.branch_0.conv3d.weight',
    'PySlowFast': 's1.pathway1_stem.conv.weight',
}
_TF_BRANCHES = {
    'branch_0': 'b0',
    'branch_1.0': 'b1a',
    'branch_1.1': 'b1b',
    'branch_2.0': 'b2a',
    'branch_2.1': 'b2b',
    'branch_3.1': 'b3b',
}
_PATHWAYS = {'0': 'slow_path', '1': 'fast_path'}
_CONVS = {'a': 'conv1', 'b': 'conv2', 'c': 'conv3'}


def public_layout(keys) -> Optional[str]:
    """Name of the project whose layout these keys are; None for any other file.

    Examples:
        >>> public_layout(['s1.pathway1_stem.conv.weight'])
        'PySlowFast'
    """
    return next((name for name, key in _SIGNATURES.items() if key in keys), None)


def to_recognizer_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A public state dict with the names of an MMAction2 recognizer; others come back unchanged.

    Args:
        state (dict[str, Tensor]): Tensors by the names in the file.

    Returns:
        dict[str, Tensor]: ``backbone.*``, and the classifier under ``cls_head.*``.
    """
    layout = public_layout(state)
    if layout is None:
        return state
    if layout == 'PySlowFast':
        return {_slowfast_key(key): value for key, value in state.items()}
    converted = {}
    for key, value in state.items():
        if layout == 'kinetics_i3d_pytorch':
            key = _tf_port_key(key)
        if key.startswith('logits.conv3d.'):  # a 1 x 1 x 1 convolution there, linear here
            converted[f'cls_head.fc_cls.{key.rsplit(".", 1)[1]}'] = (
                value.flatten(1) if (value.ndim > 1) else value
            )
        else:
            converted[f'backbone.{key}'] = value
    return converted


def _tf_port_key(key: str) -> str:
    """Name in ``pytorch-i3d`` of a name in ``kinetics_i3d_pytorch``."""
    key = key.replace('conv3d_0c_1x1.', 'logits.').replace('.batch3d.', '.bn.')
    for theirs, ours in _TF_BRANCHES.items():
        key = key.replace(f'.{theirs}.', f'.{ours}.')
    return key[0].upper() + key[1:] if key.startswith(('conv3d_', 'mixed_')) else key


def _slowfast_key(key: str) -> str:
    """Name in MMAction2's SlowFast of a name in PySlowFast."""
    if key.startswith('head.'):
        return f'cls_head.{key.removeprefix("head.")}'
    stem = re.fullmatch(r's1\.pathway([01])_stem\.(.+)', key)
    if stem:
        return f'backbone.{_PATHWAYS[stem[1]]}.conv1.{stem[2]}'
    fuse = re.fullmatch(r's(\d)_fuse\.(conv_f2s|bn)\.(.+)', key)
    if fuse:
        stage = 'conv1' if fuse[1] == '1' else f'layer{int(fuse[1]) - 1}'
        return f'backbone.slow_path.{stage}_lateral.{"bn" if fuse[2] == "bn" else "conv"}.{fuse[3]}'
    block = re.fullmatch(
        r's(\d)\.pathway([01])_res(\d+)\.(?:branch1|branch2\.([abc]))(_bn)?\.(.+)', key
    )
    if not block:
        return f'backbone.{key}'
    stage, pathway, index, conv, norm, rest = block.groups()
    return (
        f'backbone.{_PATHWAYS[pathway]}.layer{int(stage) - 1}.{index}.'
        f'{_CONVS.get(conv, "downsample")}.{"bn" if norm else "conv"}.{rest}'
    )
