# SPDX-License-Identifier: Apache-2.0
"""The networks behind published features, as modules of clips."""

from collections.abc import Sequence
from typing import Optional, Union

import torch
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from ..engine.launch import read_config
from ..errors import ConfigError
from ..features.extractor import FeatureExtractor, build_streams, load_recognizer_config
from ..features.flow import has_tvl1, open_flow
from ..features.recipe import FeatureRecipe
from ..models.backbones.clip_backbone import SlidingBackbone
from ..utils.package_files import CONFIG_ROOT, recognizer_configs


class ClipExtractor(nn.Module):
    """Features of clips, one vector each.

    Args:
        backbone (SlidingBackbone): What describes the clips.
    """

    def __init__(self, backbone: SlidingBackbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, clips: Tensor) -> Tensor:
        """Features of clips.

        Args:
            clips (Tensor): ``(B, in_channels, T, H, W)``, uint8 or float in 0..255: RGB frames,
                or optical flow as 8 bits, x then y (128 is no motion, 255 / 40 a pixel).

        Returns:
            Tensor: ``(B, D)`` float32.

        Raises:
            ConfigError: If the clips have another number of channels.
        """
        if clips.ndim != 5 or clips.shape[1] != self.backbone.in_channels:
            raise ConfigError(
                f'expected clips (B, {self.backbone.in_channels}, T, H, W), found '
                f'{tuple(clips.shape)}'
            )
        return self.backbone.describe_clips(clips.to(self.backbone.device).transpose(1, 2))


def init_extractor(
    name: str, weights: Union[str, Sequence[str], None] = None, device: str = 'cpu'
) -> ClipExtractor:
    """A network, or several, that make features, in evaluation mode.

    Args:
        name (str): ``'i3d_rgb'``, ``'i3d_flow'``, ``'slowfast_epic'`` or another recognizer of
            this package; a localizer whose config names its networks, such as ``'thumos_i3d'``;
            a config file of either; or ``'mmaction::recognition/...'``.
        weights (str | Sequence[str], optional): The public file as it is published, or a
            checkpoint of MMAction2; a path or URL. One a network, in the order of their features.
            Without it the weights are random.
        device (str): Torch device.

    Returns:
        ClipExtractor: Called with clips ``(B, C, T, H, W)`` in 0..255, it returns ``(B, D)``:
        1024 of ``i3d_rgb`` (C = 3, RGB) and ``i3d_flow`` (C = 2), 2304 of ``slowfast_epic``
        (C = 3, RGB), 2048 of ``thumos_i3d`` (C = 5, RGB, then flow). The networks themselves see
        to scaling, channel order and choice of frames.

    Raises:
        TmxError: There is no such config or file.
        ConfigError: The number of weights is not that of the networks.
        CheckpointMismatchError: The weights are another network's.

    Examples:
        >>> extractor = init_extractor('i3d_flow')
        >>> extractor(torch.full((1, 2, 16, 32, 32), 128.)).shape
        torch.Size([1, 1024])
    """
    init_default_scope('mmaction')
    networks = _networks(name)
    weights = [weights] if isinstance(weights, str) else weights
    if weights is not None:
        _check_count(networks, weights)
    backbone = build_streams(
        [load_recognizer_config(network) for network in networks], weights or [None] * len(networks)
    )
    return ClipExtractor(backbone).to(torch.device(device)).eval()


def _networks(name: str) -> Sequence[str]:
    """Recognizers that a name stands for."""
    if name in recognizer_configs() or '::' in name:
        return [name]
    recipe = FeatureRecipe.from_config(read_config(name, CONFIG_ROOT))
    return [name] if recipe is None else recipe.networks


def read_recipe(config: str) -> FeatureRecipe:
    """The recipe that a localizer's config names.

    Args:
        config (str): A config file, or the name of one of this package such as ``'thumos_i3d'``.

    Raises:
        LaunchError: If there is no such config.
        ConfigError: If it does not say what its features are.
    """
    recipe = FeatureRecipe.from_config(read_config(config, CONFIG_ROOT))
    if recipe is None:
        raise ConfigError(
            f'{config}: does not say which networks make its features (features = dict(...))'
        )
    return recipe


def _check_count(networks: Sequence[str], weights: Sequence[str]) -> None:
    if len(weights) != len(networks):
        raise ConfigError(
            f'expected weights of {len(networks)} network(s), '
            f'{", ".join(networks)}, found {len(weights)}; as published they are\n'
            f'{describe_weights(networks)}'
        )


def recipe_extractor(
    recipe: FeatureRecipe,
    weights: Sequence[str],
    *,
    flow: Optional[str] = None,
    flow_weights: Optional[str] = None,
    fps: Optional[float] = None,
    device: str = 'cpu',
    batch_size: int = 8,
) -> FeatureExtractor:
    """What makes the features of a recipe from videos.

    Args:
        recipe (FeatureRecipe): Networks, clips and rate.
        weights (Sequence[str]): Weights of the networks, in their order.
        flow (str, optional): See :func:`~tmx_plugin.features.flow.open_flow`. Default: as the
            recipe says, or ``'dis'``, with a warning, where that is not available.
        flow_weights (str, optional): Weights of RAFT.
        fps (float, optional): Rate that videos are resampled to; default: the recipe's.
        device (str): Torch device.
        batch_size (int): Clips at once.

    Raises:
        ConfigError: If the number of weights is not that of the networks.
        CheckpointMismatchError: If weights are not those of their network.
    """
    _check_count(recipe.networks, weights)
    if recipe.flow and flow is None:
        flow = recipe.flow
        if flow == 'tvl1' and not has_tvl1():
            flow = 'dis'
            print_log(
                "the published features have TV-L1 flow, which needs OpenCV's contrib "
                'modules; DIS flow is computed instead (--flow raft is closer)',
                'current',
                level=30,
            )
    source = None if flow is None else open_flow(flow, flow_weights, device)
    return FeatureExtractor.from_configs(
        recipe.networks,
        weights,
        flow=source,
        fps=fps or recipe.fps,
        device=device,
        clip_len=recipe.clip_len,
        stride=recipe.stride,
        batch_size=batch_size,
    )


def describe_weights(networks: Sequence[str]) -> str:
    """Public weight files of networks, a line each."""
    lines = []
    for name in networks:
        public = load_recognizer_config(name).get('public_weights') or {}
        lines.append(
            f'  {name}: {" or ".join(public.get("files", ["any weights"]))}'
            f' ({public.get("page", "no page known")})'
        )
    return '\n'.join(lines)
