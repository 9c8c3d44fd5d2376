# SPDX-License-Identifier: Apache-2.0
"""SlowFast with the frames of the slow pathway that PySlowFast chooses."""

import torch
from mmaction.models.backbones import ResNet3dSlowFast
from mmaction.registry import MODELS
from torch import Tensor

from ...errors import ConfigError


def slow_frames(num_frames: int, speed_ratio: int) -> list[int]:
    """Frames of a clip that PySlowFast's slow pathway sees.

    ``num_frames // speed_ratio`` points are spread evenly from the first frame to the last, and
    truncated to whole frames.

    Args:
        num_frames (int): Frames of the clip.
        speed_ratio (int): Frames of the fast pathway per frame of the slow one (alpha).

    Returns:
        list[int]: Ascending frame numbers, counted from 0.

    Examples:
        >>> slow_frames(32, 4)
        [0, 4, 8, 13, 17, 22, 26, 31]
    """
    count = max(num_frames // speed_ratio, 1)
    return torch.linspace(0, num_frames - 1, count).long().tolist()


@MODELS.register_module()
class LinspaceSlowFast(ResNet3dSlowFast):
    """MMAction2's SlowFast for weights that were trained with PySlowFast.

    It differs from :class:`mmaction.models.ResNet3dSlowFast` in the frames that the pathways see:
    the fast one sees all, the slow one those of :func:`slow_frames`. Its parameters have the same
    names.

    Args:
        **kwargs: Those of ``ResNet3dSlowFast``; ``resample_rate`` must equal ``speed_ratio``.

    Raises:
        ConfigError: If ``resample_rate`` differs from ``speed_ratio``.

    Example:
        >>> LinspaceSlowFast(pretrained=None).resample_rate
        8
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        if self.resample_rate != self.speed_ratio:
            raise ConfigError(
                'LinspaceSlowFast: the fast pathway sees every frame, so '
                f'resample_rate must be speed_ratio ({self.speed_ratio}), but is '
                f'{self.resample_rate}'
            )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features of clips.

        Args:
            x (Tensor): ``(N, 3, T, H, W)``, normalized.

        Returns:
            tuple[Tensor, Tensor]: Slow features ``(N, 2048, T // speed_ratio, h, w)`` and fast
            ones ``(N, 256, T, h, w)``.
        """
        slow_path, fast_path = self.slow_path, self.fast_path
        chosen = slow_frames(x.shape[2], self.speed_ratio)
        slow = slow_path.maxpool(slow_path.conv1(x[:, :, chosen]))
        fast = fast_path.maxpool(fast_path.conv1(x))
        # One lateral connection before each stage.
        laterals = ['conv1_lateral', *slow_path.lateral_connections]
        for lateral, slow_name, fast_name in zip(
            laterals, slow_path.res_layers, fast_path.res_layers
        ):
            slow = torch.cat([slow, getattr(slow_path, lateral)(fast)], dim=1)
            slow = getattr(slow_path, slow_name)(slow)
            fast = getattr(fast_path, fast_name)(fast)
        return slow, fast
