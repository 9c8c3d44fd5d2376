# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from typing import Optional

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseModel
from torch import Tensor

from ...errors import ConfigError
from ..backbones.clip_backbone import build_clip_backbone
from ..task_modules.postprocess import PostProcessCfg


@MODELS.register_module()
class TemporalMaxer(BaseModel):
    """TemporalMaxer: temporal action localization with max-pooling as the only temporal context.

    `arXiv 2303.09055 <https://arxiv.org/abs/2303.09055>`_. Features of a video go in, segments with
    a class and a score come out.

    Args:
        neck (dict): Config of the embedding and pyramid.
        head (dict): Config of the head.
        data_preprocessor (dict, optional): Config of the data preprocessor.
        backbone (dict, optional): Config of a :class:`~tmx_plugin.features.ClipBackbone`, which
            turns frames into features, so that videos go in; or of an MMAction2 backbone or
            recognizer, for one with its defaults. Frozen unless ``frozen=False``. By default the
            inputs are features that were extracted before.
        test_cfg (dict, optional): Post-processing, the arguments of
            :class:`~tmx_plugin.models.task_modules.postprocess.PostProcessCfg`.
        frame_head (dict, optional): Config of a :class:`FrameHead`, a second task in training;
            classes and channels are those of the head. Defaults to None, as published.

    Example:
        >>> import torch, tmx_plugin
        >>> from mmaction.registry import MODELS
        >>> model = MODELS.build(dict(
        ...     type='TemporalMaxer',
        ...     neck=dict(type='TemporalMaxerNeck', in_channels=8, out_channels=16),
        ...     head=dict(type='TemporalMaxerHead', num_classes=3, in_channels=16,
        ...               feat_channels=16, regression_ranges=[(0, 10000)] * 6)))
        >>> logits, offsets, masks = model(torch.rand(2, 8, 100))
        >>> [tuple(level.shape) for level in logits][:3]
        [(2, 3, 100), (2, 3, 50), (2, 3, 25)]
    """

    def __init__(
        self,
        neck: dict,
        head: dict,
        data_preprocessor: Optional[dict] = None,
        backbone: Optional[dict] = None,
        test_cfg: Optional[dict] = None,
        frame_head: Optional[dict] = None,
        init_cfg: Optional[dict] = None,
    ) -> None:
        # Built here, in MMAction2's scope, so that the class also works outside of a runner.
        preprocessor = MODELS.build(data_preprocessor or dict(type='TALDataPreprocessor'))
        super().__init__(data_preprocessor=preprocessor, init_cfg=init_cfg)
        self.backbone = None if backbone is None else build_clip_backbone(backbone)
        self.neck = MODELS.build(neck)
        self.head = MODELS.build(head)
        self.frame_head = None
        if frame_head is not None:
            shared = {key: head[key] for key in ('num_classes', 'in_channels') if key in head}
            self.frame_head = MODELS.build({**shared, **frame_head})
        self.postprocess_cfg = PostProcessCfg(**(test_cfg or {}))

    def forward(
        self,
        inputs: Tensor,
        data_samples: Optional[list] = None,
        mode: str = 'tensor',
        masks: Optional[Tensor] = None,
        lengths: Optional[Sequence[int]] = None,
    ):
        """Run the model.

        Args:
            inputs (Tensor): Features (B, C, T), zero where not valid. A model with a backbone
                also takes frames (B, 3, F, H, W) in 0..255, uint8 or float, of the size that its
                backbone expects.
            data_samples (list[ActionDataSample], optional): With ``gt_instances`` on the grid in
                mode ``'loss'``, with the time geometry in mode ``'predict'``.
            mode (str): ``'tensor'``, ``'loss'`` or ``'predict'``.
            masks (Tensor, optional): Validity of features (B, T) or frames (B, F), bool.
                Defaults to all valid.
            lengths (Sequence[int], optional): Length of each video's own grid in mode
                ``'predict'``, where that is padded. Defaults to the number of its valid positions.

        Returns:
            Mode ``'tensor'``: class logits (B, K, T_l), offsets (B, 2, T_l) in strides and masks
            (B, T_l), a list over levels each. Mode ``'loss'``: a dict of losses. Mode
            ``'predict'``: the data samples, each with ``pred_instances``: ``segments`` (M, 2) in
            seconds, ``scores`` and ``labels`` (M, ), best first; each video gets what it gets
            alone.
        """
        if mode not in ('tensor', 'loss', 'predict'):
            raise ConfigError(f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}")
        if mode in ('loss', 'predict') and data_samples is None:
            raise ConfigError(f'mode {mode!r} needs data_samples, one for each of the batch')
        if inputs.ndim == 5:
            if self.backbone is None:
                raise ConfigError(
                    'frames need a model with a backbone; this one takes features (B, C, T)'
                )
            inputs, masks = self.backbone(inputs, masks)
        elif masks is None:
            masks = inputs.new_ones(inputs.shape[0], inputs.shape[2], dtype=torch.bool)
        masks = masks.bool()  # numbers would be taken for indices
        if mode == 'predict' and lengths is None:
            lengths = masks.sum(1).tolist()
        feats, level_masks = self.neck(inputs, masks, lengths)
        outputs = self.head(feats, level_masks)
        if mode == 'loss':
            losses = self.head.loss(outputs, data_samples)
            if self.frame_head is not None:
                truth = [sample.gt_instances for sample in data_samples or ()]
                losses.update(self.frame_head.loss(feats[0], masks, truth))
            return losses
        if mode == 'predict':
            return self.head.predict(outputs, data_samples, self.postprocess_cfg)
        return outputs
