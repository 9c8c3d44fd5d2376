# SPDX-License-Identifier: Apache-2.0
"""From the dictionary of the pipeline to what the model takes."""

import numpy as np
import torch
from mmaction.registry import TRANSFORMS
from mmaction.structures import ActionDataSample
from mmcv.transforms import BaseTransform
from mmengine.structures import InstanceData


@TRANSFORMS.register_module()
class PackTALInputs(BaseTransform):
    """Read the features and pack them with the ground truth of a video.

    Required keys:
        - feats (list[np.ndarray]): (T, C_i) arrays; here they are read from disk, if mapped.
        - video_id, duration, fps, feature_stride, offset_frames, feat_len
        - segments_sec (np.ndarray), labels (np.ndarray): Ground truth in seconds (optional).
        - segments_grid (np.ndarray), segment_labels (np.ndarray): On the grid (optional).

    Returns:
        dict: ``inputs`` (T, C) float32 tensor, contiguous, and ``data_samples``, an
        :class:`ActionDataSample` with ``gt_instances.segments`` (G, 2) float32 in grid units and
        ``gt_instances.labels`` (G,) int64 where the pipeline put segments on the grid. Its
        metainfo holds ``meta_keys`` and, for evaluation, ``gt_segments_sec`` (G, 2) float64 and
        ``gt_segment_labels`` (G,) int64 arrays of the whole video.

    Args:
        meta_keys (Sequence[str]): Keys copied into the metainfo.

    Example:
        >>> pack = PackTALInputs(meta_keys=['video_id'])
        >>> packed = pack(dict(feats=[np.ones((5, 8), np.float32)], video_id='v'))
        >>> tuple(packed['inputs'].shape), packed['data_samples'].video_id
        ((5, 8), 'v')
    """

    def __init__(
        self,
        meta_keys=('video_id', 'duration', 'fps', 'feature_stride', 'offset_frames', 'feat_len'),
    ) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """See the class."""
        sample = ActionDataSample()
        if 'segments_grid' in results:
            sample.gt_instances = InstanceData(
                segments=torch.from_numpy(results['segments_grid']),
                labels=torch.from_numpy(results['segment_labels']),
            )
        meta = {key: results[key] for key in self.meta_keys}
        if 'segments_sec' in results:
            # not 'gt_labels', which the data sample of MMAction2 1.1 keeps for itself
            meta.update(
                gt_segments_sec=results['segments_sec'], gt_segment_labels=results['labels']
            )
        sample.set_metainfo(meta)
        return dict(inputs=concatenate_features(results['feats']), data_samples=sample)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'


def concatenate_features(feats: list) -> torch.Tensor:
    """Copy (T, C_i) arrays of any float type side by side into one (T, C) float32 tensor."""
    out = np.empty((len(feats[0]), sum(x.shape[1] for x in feats)), dtype=np.float32)
    return torch.from_numpy(np.concatenate(feats, axis=1, out=out, casting='same_kind'))
