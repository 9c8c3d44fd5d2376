# SPDX-License-Identifier: Apache-2.0
"""The networks behind published features, as modules of clips."""
from typing import Optional

import torch
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from ..errors import ConfigError
from ..features.extractor import load_recognizer_config
from ..models.backbones.clip_backbone import ClipBackbone, SlidingBackbone


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
            raise ConfigError(f'expected clips (B, {self.backbone.in_channels}, T, H, W), found '
                             f'{tuple(clips.shape)}')
        return self.backbone.describe_clips(clips.to(self.backbone.device).transpose(1, 2))


def init_extractor(name: str, weights: Optional[str] = None, device: str = 'cpu'
                   ) -> ClipExtractor:
    """A network that makes features, in evaluation mode.

    Args:
        name (str): ``'i3d_rgb'``, ``'i3d_flow'``, ``'slowfast_epic'`` or another recognizer of
            this package, a config file, or ``'mmaction::recognition/...'``.
        weights (str, optional): The public file as it is published, or a checkpoint of MMAction2;
            a path or URL. Without it the weights are random.
        device (str): Torch device.

    Returns:
        ClipExtractor: Called with clips ``(B, C, T, H, W)`` in 0..255, it returns ``(B, D)``:
        1024 of ``i3d_rgb`` (C = 3, RGB) and ``i3d_flow`` (C = 2), 2304 of ``slowfast_epic``
        (C = 3, RGB). Scaling, channel order and choice of frames are the network's business.

    Raises:
        MissingFileError: There is no such config or file.
        CheckpointMismatchError: The weights are another network's.

    Examples:
        >>> extractor = init_extractor('i3d_flow')
        >>> extractor(torch.full((1, 2, 16, 32, 32), 128.)).shape
        torch.Size([1, 1024])
    """
    init_default_scope('mmaction')
    backbone = ClipBackbone(load_recognizer_config(name).model, checkpoint=weights)
    if weights is not None:
        backbone.load_checkpoint()
    return ClipExtractor(backbone).to(torch.device(device)).eval()
