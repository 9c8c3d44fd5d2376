# SPDX-License-Identifier: Apache-2.0
import math
from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS, TASK_UTILS
from mmengine.dist import all_reduce
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from ...errors import ConfigError
from ...utils.compilation import outside_compilation
from ..common import TemporalConvBlock, time_major_conv
from ..task_modules.points import Points, decode_segments, pyramid_points
from ..task_modules.postprocess import PostProcessCfg, predict_video

#: Class logits (B, K, T_l), offsets (B, 2, T_l) and masks (B, T_l) of every level.
HeadOutputs = tuple[list[Tensor], list[Tensor], list[Tensor]]


class LevelScale(nn.Module):
    """Learnable factor of one level's offsets."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """Args: x of any shape. Returns x * scale."""
        return x * self.scale


@MODELS.register_module()
class TemporalMaxerHead(BaseModule):
    """Anchor-free head shared by all levels (paper sec. 3.4).

    Two towers of convolution blocks classify each point and regress its distances to start and end.

    Args:
        num_classes (int): Number of classes K.
        in_channels (int): Channels of the pyramid. Defaults to 512.
        feat_channels (int): Channels of the towers. Defaults to 512.
        num_convs (int): Blocks of each tower. Defaults to 2.
        regression_ranges (Sequence[tuple]): For each level the range, in grid steps, of the
            distance from a point to the farther end of the segments it is responsible for.
        prior_prob (float): Class probability that the last bias starts with. Defaults to 0.01.
        assigner (dict): Config of the assigner.
        loss_cls (dict): Config of the classification loss (a sum over points and classes).
        loss_reg (dict): Config of the regression loss (a sum over positives).
        loss_weight (float): Weight of the regression loss; if <= 0 it is chosen in each step so
            that both losses are equal. Defaults to 1.
        loss_normalizer (float): What the normaliser of the losses, a running mean of the number
            of positive points, starts with. Defaults to 100.
        loss_normalizer_momentum (float): Its momentum. Defaults to 0.9.
        dropout (float): Share of the towers' input that is dropped in training. Defaults to 0.
        class_prior (dict, optional): Config of a
            :class:`~tmx_plugin.models.task_modules.class_prior.ClassPrior` for the
            post-processing, which ``ClassPriorHook`` estimates before the training. By default
            there is none.

    Example:
        >>> head = TemporalMaxerHead(
        ...     num_classes=3, in_channels=16, feat_channels=16,
        ...     regression_ranges=[(0, 4), (4, 10000)])
        >>> feats = [torch.rand(1, 16, 10), torch.rand(1, 16, 5)]
        >>> masks = [torch.ones(1, n, dtype=torch.bool) for n in (10, 5)]
        >>> logits, offsets, _ = head(feats, masks)
        >>> [tuple(level.shape) for level in offsets]
        [(1, 2, 10), (1, 2, 5)]
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 512,
        feat_channels: int = 512,
        num_convs: int = 2,
        regression_ranges: Sequence[tuple[float, float]],
        prior_prob: float = 0.01,
        assigner: Optional[dict] = None,
        loss_cls: Optional[dict] = None,
        loss_reg: Optional[dict] = None,
        loss_weight: float = 1.0,
        loss_normalizer: float = 100.0,
        loss_normalizer_momentum: float = 0.9,
        dropout: float = 0.0,
        class_prior: Optional[dict] = None,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = num_classes
        self.regression_ranges = [tuple(r) for r in regression_ranges]
        self.strides = [2**level for level in range(len(self.regression_ranges))]
        self.cls_tower = self._tower(in_channels, feat_channels, num_convs)
        self.reg_tower = self._tower(in_channels, feat_channels, num_convs)
        self.cls_conv = nn.Conv1d(feat_channels, num_classes, 3, padding=1)
        self.reg_conv = nn.Conv1d(feat_channels, 2, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.scales = nn.ModuleList(LevelScale() for _ in self.strides)
        nn.init.constant_(
            self.cls_conv.get_parameter('bias'), -math.log((1 - prior_prob) / prior_prob)
        )
        nn.init.zeros_(self.reg_conv.get_parameter('bias'))

        self.assigner = TASK_UTILS.build(assigner or dict(type='TemporalSimOTAAssigner'))
        self.loss_cls = MODELS.build(loss_cls or dict(type='SnippetFocalLoss'))
        self.loss_reg = MODELS.build(loss_reg or dict(type='SegmentDIoULoss'))
        self.loss_weight = loss_weight
        self.class_prior = None
        if class_prior is not None:
            self.class_prior = TASK_UTILS.build({**class_prior, 'num_labels': num_classes})
        self.loss_normalizer_momentum = loss_normalizer_momentum
        self.register_buffer('loss_normalizer', torch.tensor(float(loss_normalizer)))

    @staticmethod
    def _tower(in_channels: int, channels: int, num_convs: int) -> nn.ModuleList:
        return nn.ModuleList(
            TemporalConvBlock(in_channels if i == 0 else channels, channels)
            for i in range(num_convs)
        )

    def forward(self, feats: Sequence[Tensor], masks: Sequence[Tensor]) -> HeadOutputs:
        """Predictions at every point.

        Args:
            feats (Sequence[Tensor]): Pyramid, (B, C, T_l) a level.
            masks (Sequence[Tensor]): Validity, (B, T_l) bool a level.

        Returns:
            tuple: Class logits (B, K, T_l), offsets (B, 2, T_l) in strides, not negative, and the
            masks, a list over the levels each.
        """
        if len(feats) != len(self.strides):
            raise ConfigError(
                f'the head has {len(self.strides)} regression ranges but the neck '
                f'gives {len(feats)} levels; set neck.num_levels to match'
            )
        x, mask, slices = pack_levels(feats, masks)
        x = self.dropout(x)
        cls_feat, reg_feat = x, x
        for block in self.cls_tower:
            cls_feat = block(cls_feat, mask)
        for block in self.reg_tower:
            reg_feat = block(reg_feat, mask)
        logits = time_major_conv(cls_feat, self.cls_conv.weight, self.cls_conv.bias)
        offsets = time_major_conv(reg_feat, self.reg_conv.weight, self.reg_conv.bias)
        return (
            [logits[:, s].transpose(1, 2) for s in slices],
            [F.relu(scale(offsets[:, s])).transpose(1, 2) for scale, s in zip(self.scales, slices)],
            list(masks),
        )

    def points(self, lengths: Sequence[int], device=None) -> Points:
        """The N points of levels of the given lengths."""
        return pyramid_points(lengths, self.strides, self.regression_ranges, device)

    @outside_compilation  # shapes differ from batch to batch: only the network is compiled
    def loss(self, outputs: HeadOutputs, data_samples: list) -> dict[str, Tensor]:
        """Losses of a batch whose samples hold ``gt_instances`` (segments on the grid, labels)."""
        return self.loss_by_feat(*outputs, [sample.gt_instances for sample in data_samples])

    def loss_by_feat(
        self,
        cls_logits: Sequence[Tensor],
        offsets: Sequence[Tensor],
        masks: Sequence[Tensor],
        gt_instances: Sequence[InstanceData],
    ) -> dict[str, Tensor]:
        """Losses from the predictions of :meth:`forward`.

        Returns:
            dict: ``loss_cls``, ``loss_reg`` (weighted) and ``num_pos``, the number of points of the
            batch with a class target.
        """
        points = self.points([level.shape[-1] for level in masks], masks[0].device)
        logits, reg, valid = flatten_levels(cls_logits, offsets, masks)
        assigned = [
            self.assigner.assign(points, valid[i], logits[i], reg[i], gt.segments, gt.labels)
            for i, gt in enumerate(gt_instances)
        ]
        num_points, num_classes = logits.shape[1:]
        weights = torch.stack([a.weights for a in assigned])  # (B, N)
        offset_targets = torch.stack([a.offset_targets for a in assigned])  # (B, N, 2)
        pairs = torch.cat(  # (Q, 2), rows of the batch and classes
            [
                a.positives + a.positives.new_tensor([i * num_points, 0])
                for i, a in enumerate(assigned)
            ]
        )
        positive = torch.zeros_like(valid)
        positive.view(-1)[pairs[:, 0]] = True
        num_pos = positive.sum()
        cls_norm, reg_norm = self._normalizers(num_pos)

        # Padding has weight 0: choosing the valid points would copy all logits.
        loss_cls = (
            self.loss_cls(logits.reshape(-1, num_classes), pairs, weights.reshape(-1)) / cls_norm
        )
        # Without positives both tensors are empty: the loss is 0 and stays attached to the graph.
        pos_points: Points = points[positive.nonzero()[:, 1]]  # type: ignore[assignment]
        loss_reg = (
            self.loss_reg(
                decode_segments(reg[positive].float(), pos_points),
                decode_segments(offset_targets[positive], pos_points),
                weights[positive],
            )
            / reg_norm
        )
        weight = self.loss_weight
        if weight <= 0:
            weight = loss_cls.detach() / loss_reg.detach().clamp(min=0.01)
        return dict(loss_cls=loss_cls, loss_reg=loss_reg * weight, num_pos=num_pos.float())

    @outside_compilation
    def predict(self, outputs: HeadOutputs, data_samples: list, cfg: PostProcessCfg) -> list:
        """Put ``pred_instances``, segments in seconds, into the data samples of a batch.

        Raises:
            NotFiniteError: The network gives NaN or infinity for a video.
        """
        masks = outputs[2]
        points = self.points([level.shape[-1] for level in masks], masks[0].device)
        logits, offsets, _ = flatten_levels(*outputs)
        segments = decode_segments(offsets.float(), points)  # (B, N, 2) grid
        for i, sample in enumerate(data_samples):
            valid = [level[i] for level in masks]
            predict_video(sample, logits[i], segments[i], valid, cfg, self.class_prior)
        return data_samples

    def _normalizers(self, num_pos: Tensor) -> tuple[Tensor, Tensor]:
        """What the two losses are divided by; in training the running mean moves first.

        In evaluation the public implementation divides the regression loss by the positives.
        """
        count = num_pos.to(self.loss_normalizer).clamp(min=1)
        if not self.training:
            return self.loss_normalizer, count
        # Ranks share one normaliser: the mean over their batches.
        all_reduce(count, op='mean')
        momentum = self.loss_normalizer_momentum
        self.loss_normalizer.mul_(momentum).add_(count, alpha=1 - momentum)
        normalizer = self.loss_normalizer.clone()
        return normalizer, normalizer


def pack_levels(
    feats: Sequence[Tensor], masks: Sequence[Tensor]
) -> tuple[Tensor, Tensor, list[slice]]:
    """Lay the levels end to end, one empty step between them.

    A convolution of kernel 3 over the result equals one over each level with zero padding, as long
    as the gaps are kept at zero.

    Args:
        feats (Sequence[Tensor]): (B, C, T_l) a level.
        masks (Sequence[Tensor]): (B, T_l) bool a level.

    Returns:
        tuple: Features (B, P, C), mask (B, P, 1) of the same dtype, and where each level lies.
    """
    batch, channels, _ = feats[0].shape
    gap = feats[0].new_zeros(batch, 1, channels)
    pieces, mask_pieces, slices, start = [], [], [], 0
    for feat, mask in zip(feats, masks):
        pieces += [feat.transpose(1, 2), gap]
        mask_pieces += [mask.unsqueeze(-1).to(feat.dtype), gap[..., :1]]
        slices.append(slice(start, start + feat.shape[-1]))
        start = start + feat.shape[-1] + 1  # not in place: an export traces it as a tensor
    return torch.cat(pieces[:-1], 1), torch.cat(mask_pieces[:-1], 1), slices


def flatten_levels(
    cls_logits: Sequence[Tensor], offsets: Sequence[Tensor], masks: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (B, N, K), offsets (B, N, 2) and masks (B, N) over the points of all levels."""

    def join(levels: Sequence[Tensor]) -> Tensor:  # time-major, as the levels lie in memory
        return torch.cat([level.transpose(1, 2) for level in levels], 1)

    return join(cls_logits), join(offsets), torch.cat(list(masks), -1)
