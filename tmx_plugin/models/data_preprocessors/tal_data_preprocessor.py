# SPDX-License-Identifier: Apache-2.0
from typing import Optional

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseDataPreprocessor

from ...errors import ConfigError
from ...utils.compilation import outside_compilation


@MODELS.register_module()
class TALDataPreprocessor(BaseDataPreprocessor):
    """Pads the ragged features (or frames) of a batch and says which positions are valid.

    Args:
        pad_to (int, optional): Length that training batches are padded to, the largest crop of the
            pipeline. Batches in testing, and in training where it is None, are as long as their
            longest video. Defaults to None.
        test_pad_to (int, optional): Length that each video is padded to in testing; longer ones to
            the next multiple of 32. The paper's own release tests so, with 2304; the padding is
            part of the video then, for GroupNorm's statistics. Defaults to None: no padding.

    Example:
        >>> import torch
        >>> data = dict(inputs=[torch.rand(5, 8), torch.rand(3, 8)], data_samples=None)
        >>> data = TALDataPreprocessor()(data)
        >>> tuple(data['inputs'].shape), data['masks'].sum(1)
        ((2, 8, 5), tensor([5, 3]))
    """

    def __init__(
        self,
        pad_to: Optional[int] = None,
        test_pad_to: Optional[int] = None,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        self.pad_to = pad_to
        self.test_pad_to = test_pad_to

    @outside_compilation  # MMEngine compiles a whole step; data samples are not tensors
    def forward(self, data: dict, training: bool = False) -> dict:
        """Collate to the model's arguments.

        Args:
            data (dict): ``inputs``, a list of B features (T_i, C), and ``data_samples``. For a
                model with a video backbone, the inputs are frames (F_i, 3, H, W).
            training (bool): Whether to pad to ``pad_to``.

        Returns:
            dict: ``inputs`` (B, C, T) float32, zero behind each video and with C contiguous in
            memory; ``masks`` (B, T) bool; ``data_samples``. Frames become (B, 3, F, H, W), which
            stay uint8 if they are. With ``test_pad_to``, in testing, also ``lengths``, the padded
            length of each video.
        """
        data = self.cast_data(data)
        feats = data['inputs']
        lengths = [len(feat) for feat in feats]
        padded = {}
        if self.test_pad_to is not None and not training:
            lengths = [
                self.test_pad_to if n <= self.test_pad_to else -(-n // 32) * 32 for n in lengths
            ]
            padded = dict(lengths=lengths)
        length = max(lengths)
        if training and self.pad_to is not None:
            if length > self.pad_to:
                raise ConfigError(
                    f'a training sample has {length} grid steps, more than pad_to='
                    f'{self.pad_to}: set RandomTruncation.max_seq_len and '
                    'data_preprocessor.pad_to to the same length'
                )
            length = self.pad_to
        inputs = feats[0].new_zeros(len(feats), length, *feats[0].shape[1:])
        masks = inputs.new_zeros(inputs.shape[:2], dtype=torch.bool)
        for i, feat in enumerate(feats):
            inputs[i, : len(feat)] = feat
            masks[i, : len(feat)] = True
        if inputs.dtype != torch.uint8:
            inputs = inputs.float()
        return dict(
            inputs=inputs.transpose(1, 2),
            masks=masks,
            data_samples=data.get('data_samples'),
            **padded,
        )
