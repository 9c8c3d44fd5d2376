# SPDX-License-Identifier: Apache-2.0
"""A model ready for inference from a config and a checkpoint."""

from pathlib import Path
from typing import Optional, Union

from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from ..engine.launch import read_config
from ..engine.settings import require_valid
from ..models.checkpoint import apply_norm_eps, load_checkpoint_file, to_plugin_checkpoint
from ..utils.devices import resolve_device
from ..utils.package_files import CONFIG_ROOT


def init_localizer(
    config: Union[str, Path, Config],
    checkpoint: Optional[Union[str, Path]] = None,
    device: str = 'cpu',
    cfg_options: Optional[dict] = None,
) -> nn.Module:
    """Build a localizer in evaluation mode.

    Args:
        config (str | Path | Config): Config file, a name of this package such as ``thumos_i3d``, or
            its content.
        checkpoint (str | Path, optional): One of our checkpoints, or a file released by either
            public implementation; EMA weights are used where the file has them. Loading runs no
            code from the file. Without one the weights are random.
        device (str): Device of the model. Defaults to ``'cpu'``.
        cfg_options (dict, optional): Changes to the config, ``{'model.head.num_classes': 5}``.

    Returns:
        nn.Module: The model. Its ``cfg`` is the config; its ``dataset_meta`` has the ``classes``
        that the checkpoint was trained with, where it says so.

    Raises:
        ConfigError: Settings of the model or of the data set for testing are wrong.
        LaunchError: There is no such config; the message lists those of the package.
        MissingFileError: There is no such checkpoint.
        CheckpointError: The file cannot be read safely or holds no weights.
        CheckpointMismatchError: The checkpoint is for another model; nothing was loaded.
    """
    if not isinstance(config, Config):
        config = read_config(str(config), CONFIG_ROOT, cfg_options)
    elif cfg_options:
        config.merge_from_dict(cfg_options)
    device = resolve_device(str(device))
    init_default_scope(config.get('default_scope', 'mmaction'))
    require_valid(config, ('model', 'test_dataloader.dataset'))
    model = MODELS.build(config.model)
    model.dataset_meta = {}
    if checkpoint is not None:
        content = to_plugin_checkpoint(load_checkpoint_file(checkpoint), model, checkpoint)
        # Its fit was checked to the last key, but for a backbone that it may leave out.
        model.load_state_dict(content['state_dict'], strict=False)
        apply_norm_eps(content, model)
        model.dataset_meta = (content.get('meta') or {}).get('dataset_meta') or {}
    model.cfg = config
    return model.to(device).eval()
