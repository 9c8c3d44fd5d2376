# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...errors import ConfigError, DataError
from ..common import TemporalConvBlock, max_pool


def level_lengths(length: int, num_levels: int) -> list[int]:
    """Lengths of the pyramid levels over ``length`` grid steps: half the last, rounded up.

    Example:
        >>> level_lengths(101, 4)
        [101, 51, 26, 13]
    """
    lengths = [length]
    for _ in range(num_levels - 1):
        lengths.append((lengths[-1] + 1) // 2)
    return lengths


@MODELS.register_module()
class TemporalMaxerNeck(BaseModule):
    """Embedding convolutions and a pyramid of nothing but max-pooling (paper sec. 3.3, eq. 2-4).

    ``num_embed`` blocks of Conv1d, LayerNorm and ReLU embed the features; each further level is the
    max over three neighbours of the level below, at half its rate; one norm a level follows.

    The output of the level norms is not masked again, as in the public implementations: behind the
    valid part of a padded video it is non-zero, a convolution at the last valid position sees it,
    and GroupNorm's statistics run over the padded length.

    Args:
        in_channels (int): Channels of the features.
        out_channels (int): Width of the model. Defaults to 512.
        num_embed (int): Number of embedding blocks. Defaults to 2.
        num_levels (int): Number of pyramid levels. Defaults to 6.
        norm_cfg (dict): Norm of each level, for :func:`mmcv.cnn.build_norm_layer`.
            Defaults to LayerNorm with eps 1e-6.
        mask_pooling (str): How the validity mask follows the features to the next level: ``'max'``,
            or ``'nearest'`` as in the paper's own release. Defaults to ``'max'``.
        input_dropout (float): Share of whole input channels to drop in training. Defaults to 0.
        input_noise (float): Gaussian noise added to the input in training, in standard deviations
            of each channel over the batch. Defaults to 0.
        time_dropout (float): Share of the steps whose input is dropped in training. Defaults to 0.
        top_down (float, optional): Give each level what the coarser ones pooled: going down, every
            level adds the level above, unpooled and times a learnt factor a channel that starts
            with this. Defaults to None: no such path, as published.

    Example:
        >>> neck = TemporalMaxerNeck(in_channels=8, out_channels=16, num_levels=3)
        >>> feats, masks = neck(torch.rand(2, 8, 10), torch.ones(2, 10, dtype=torch.bool))
        >>> [tuple(level.shape) for level in feats]
        [(2, 16, 10), (2, 16, 5), (2, 16, 3)]
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int = 512,
        num_embed: int = 2,
        num_levels: int = 6,
        norm_cfg: Optional[dict] = None,
        mask_pooling: str = 'max',
        input_dropout: float = 0.0,
        input_noise: float = 0.0,
        time_dropout: float = 0.0,
        top_down: Optional[float] = None,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        if mask_pooling not in ('max', 'nearest'):
            raise ConfigError(f"mask_pooling must be 'max' or 'nearest', got {mask_pooling!r}")
        self.mask_pooling = mask_pooling
        self.input_dropout = input_dropout
        self.input_noise = input_noise
        self.time_dropout = time_dropout
        self.embed = nn.ModuleList(
            TemporalConvBlock(in_channels if i == 0 else out_channels, out_channels)
            for i in range(num_embed)
        )
        norm_cfg = norm_cfg or dict(type='LN', eps=1e-6)
        self.level_norms = nn.ModuleList(
            build_norm_layer(norm_cfg, out_channels)[1] for _ in range(num_levels)
        )
        self.top_down_scales = None  # "scales": these get no weight decay
        if top_down is not None:
            self.top_down_scales = nn.Parameter(
                torch.full((num_levels - 1, out_channels), float(top_down))
            )

    def forward(
        self, x: Tensor, masks: Tensor, lengths: Optional[Sequence[int]] = None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Normalised pyramid.

        Args:
            x (Tensor): Features (B, C, T), zero where not valid.
            masks (Tensor): Validity (B, T), bool.
            lengths (Sequence[int], optional): Length of each video's own grid. Beyond it there is
                nothing for the video: it gets the output that it gets alone, whatever its
                neighbours in the batch. Defaults to T for all: padding is part of the input.

        Returns:
            tuple: Features (B, C, T_l) and masks (B, T_l) of every level, finest first.
        """
        feats, level_masks, extents = self.pyramid(x, masks, lengths)
        if self.top_down_scales is not None:
            feats = add_from_above(feats, level_masks, self.top_down_scales)
        feats = [
            self._norm_level(norm, feat, extent)
            for norm, feat, extent in zip(self.level_norms, feats, extents)
        ]
        return [feat.transpose(1, 2) for feat in feats], level_masks

    def pyramid(
        self, x: Tensor, masks: Tensor, lengths: Optional[Sequence[int]] = None
    ) -> tuple[list[Tensor], list[Tensor], list]:
        """Max-pooled levels before their norms: features (B, T_l, C), masks (B, T_l), extents.

        An extent is the list of the videos' lengths on the level, None where all fill it.
        """
        if x.shape[1] != self.in_channels:
            raise DataError(
                f'the model takes features of {self.in_channels} channels '
                f'(neck.in_channels), these have {x.shape[1]}'
            )
        scale = None
        if self.training and self.input_dropout:
            scale = F.dropout1d(x.new_ones(*x.shape[:2], 1), self.input_dropout).transpose(1, 2)
        x = x.transpose(1, 2).contiguous()  # (B, T, C), free where the preprocessor made x
        if self.training:
            x = self._disturb(x, masks)
        for block in self.embed:
            x = block(x, masks.unsqueeze(-1).to(x.dtype), scale)
            scale = None  # of the input alone

        num_levels = len(self.level_norms)
        if lengths is None:
            extents: list = [None] * num_levels
        else:
            extents = list(zip(*(level_lengths(int(n), num_levels) for n in lengths)))
        feats, level_masks = [x], [masks]
        for extent in extents[1:]:
            feat, mask = self._pool(feats[-1], level_masks[-1], extent)
            feats.append(feat)
            level_masks.append(mask)
        return feats, level_masks, extents

    def _disturb(self, x: Tensor, masks: Tensor) -> Tensor:
        """Features (B, T, C) with the noise and the missing steps of training."""
        if self.input_noise:
            x = add_noise(x, masks, self.input_noise)
        if self.time_dropout:
            x = x * F.dropout(x.new_ones(*x.shape[:2], 1), self.time_dropout)
        return x

    def _pool(
        self, x: Tensor, mask: Tensor, extent: Optional[Sequence[int]]
    ) -> tuple[Tensor, Tensor]:
        """One TemporalMaxer step of features (B, T, C) and mask (B, T)."""
        if self.mask_pooling == 'max':
            pooled = F.max_pool1d(mask[:, None].to(x.dtype), 3, stride=2, padding=1)[:, 0] > 0
        else:
            pooled = mask[:, ::2]
        if extent is not None:
            # Pooling lets an even length spill over by one; alone, the video ends before it.
            pooled = pooled & _within(extent, pooled.shape[1], pooled.device)
        x = max_pool(x)
        return x * pooled.unsqueeze(-1).to(x.dtype), pooled

    @staticmethod
    def _norm_level(norm: nn.Module, x: Tensor, extent: Optional[Sequence[int]]) -> Tensor:
        """Norm of (B, T, C): over channels, or over the groups of each video's own length."""
        if extent is None or min(extent) == x.shape[1]:
            return _apply_norm(norm, x)
        if isinstance(norm, nn.LayerNorm):
            inside = _within(extent, x.shape[1], x.device)
            return norm(x) * inside.unsqueeze(-1).to(x.dtype)
        out = torch.zeros_like(x)
        for i, length in enumerate(extent):
            out[i, :length] = _apply_norm(norm, x[i : i + 1, :length])[0]
        return out


def add_from_above(
    feats: Sequence[Tensor], masks: Sequence[Tensor], scales: Tensor
) -> list[Tensor]:
    """Add to each level the one above it, itself with what came from above, coarsest first.

    Position i of a level takes position i / 2 of the level above, an odd one the larger of its two
    neighbours there: those whose pooling window it lies in.

    Args:
        feats (Sequence[Tensor]): Levels (B, T_l, C), each half as long as the last, rounded up.
        masks (Sequence[Tensor]): Validity (B, T_l).
        scales (Tensor): Factor of each channel of what comes from above (L - 1, C).

    Returns:
        list[Tensor]: (B, T_l, C) a level.

    Example:
        >>> feats = [torch.zeros(1, 4, 1), torch.tensor([[[1.], [3.]]])]
        >>> masks = [torch.ones(1, n, dtype=torch.bool) for n in (4, 2)]
        >>> add_from_above(feats, masks, torch.full((1, 1), 2.))[0].flatten()
        tensor([2., 6., 6., 6.])
    """
    out = [feats[-1]]
    for feat, mask, scale in zip(reversed(feats[:-1]), reversed(masks[:-1]), reversed(scales)):
        above = out[-1]
        between = torch.maximum(above, F.pad(above[:, 1:], (0, 0, 0, 1)))
        pairs = torch.stack((above, between), 2).flatten(1, 2)[:, : feat.shape[1]]
        out.append(torch.addcmul(feat, pairs * mask.unsqueeze(-1), scale))
    return out[::-1]


def add_noise(x: Tensor, masks: Tensor, amount: float) -> Tensor:
    """Add Gaussian noise of ``amount`` standard deviations of each channel to valid positions.

    Args:
        x (Tensor): (B, T, C).
        masks (Tensor): Validity (B, T), bool.
        amount (float): Factor of the deviation over all valid positions of the batch.

    Returns:
        Tensor: (B, T, C).

    Example:
        >>> add_noise(torch.ones(1, 3, 2), torch.ones(1, 3, dtype=torch.bool), .5).unique()
        tensor([1.])
    """
    valid = masks.unsqueeze(-1)
    deviation = x[masks].std(0, correction=0)
    return torch.addcmul(x, torch.randn_like(x) * valid, deviation, value=amount)


def _apply_norm(norm: nn.Module, x: Tensor) -> Tensor:
    if isinstance(norm, nn.LayerNorm):
        return norm(x)
    image = x.transpose(1, 2).unsqueeze(2)  # channels first for the norms that want it
    return norm(image).squeeze(2).transpose(1, 2)


def _within(extent: Sequence[int], length: int, device) -> Tensor:
    """Positions (B, length), bool, that lie inside each video's own length."""
    return torch.arange(length, device=device) < torch.tensor(extent, device=device)[:, None]
