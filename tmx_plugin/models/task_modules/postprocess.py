# SPDX-License-Identifier: Apache-2.0
"""From the class logits and decoded segments of one video to detections in seconds.

Letters: N points over all pyramid levels, K classes, n candidates, M detections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from ...errors import ConfigError, NotFiniteError
from ...structures.video_time import VideoTime
from .class_prior import ClassPrior
from .soft_nms import METHODS, segment_nms

#: What a data sample's metainfo must say to turn grid positions into seconds.
TIME_KEYS = ('feature_stride', 'offset_frames', 'fps', 'duration')


@dataclass(frozen=True)
class PostProcessCfg:
    """Settings of the post-processing: what ``model.test_cfg`` may hold.

    Args:
        pre_nms_thresh (float): Scores must exceed this.
        pre_nms_topk (int): Number of candidates (pairs of a point and a class) given to the NMS.
        per_level (bool): Take ``pre_nms_topk`` from each level, as the paper's own release does,
            instead of from all levels together.
        min_len (float): Candidates whose length, in grid steps, is not above this are dropped
            after the choice of the best (0.05 in the paper's own release); None keeps all.
        method (str): See :func:`~.soft_nms.segment_nms`, as for all that follow.
        sigma (float): Width of the Gaussian.
        iou_threshold (float): Of the methods ``linear``, ``soft_hard`` and ``hard``.
        t1 (float): Of ``improved_gaussian``.
        t2 (float): Of ``improved_gaussian``.
        min_score (float): Lowest score after suppression.
        max_seg_num (int): Largest number of detections of a video.
        multiclass (bool): Suppress within classes only.
        voting_thresh (float): IoU of segment voting; takes effect where not ``multiclass``.

    Raises:
        TypeError: If a setting is unknown.
        ConfigError: If a value is out of range.
    """

    pre_nms_thresh: float = 0.001
    pre_nms_topk: int = 2000
    per_level: bool = False
    min_len: float | None = None
    method: str = 'gaussian'
    sigma: float = 0.5
    iou_threshold: float = 0.1
    t1: float = 0.2
    t2: float = 0.01
    min_score: float = 0.001
    max_seg_num: int = 200
    multiclass: bool = True
    voting_thresh: float = 0.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f'method {self.method!r} is not one of {", ".join(METHODS)}')
        for name in ('pre_nms_topk', 'max_seg_num', 'sigma'):
            if getattr(self, name) <= 0:
                raise ConfigError(f'{name} must be positive, found {getattr(self, name)!r}')

    def nms_kwargs(self) -> dict:
        """The keyword arguments of :func:`~.soft_nms.segment_nms`."""
        names = (
            'method',
            'sigma',
            'iou_threshold',
            't1',
            't2',
            'min_score',
            'max_seg_num',
            'multiclass',
            'voting_thresh',
        )
        return {name: getattr(self, name) for name in names}


def select_candidates(
    scores: Tensor,
    segments: Tensor,
    *,
    pre_nms_thresh: float,
    pre_nms_topk: int,
    level_lengths: Sequence[int] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The pairs of a point and a class that are worth a suppression.

    Args:
        scores (Tensor): ``(N, K)`` in [0, 1].
        segments (Tensor): ``(N, 2)`` in grid units.
        pre_nms_thresh (float): Scores must exceed this.
        pre_nms_topk (int): Largest number of pairs, over all points.
        level_lengths (Sequence[int], optional): Points of each level, in the order of ``scores``;
            if given, ``pre_nms_topk`` holds for each level by itself.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Segments ``(n, 2)``, scores ``(n,)`` and labels ``(n,)``,
        by descending score (within each level, if levels are given).

    Raises:
        ConfigError: If the levels do not add up to N.

    Example:
        >>> scores = torch.tensor([[.9, .1], [.2, .8]])
        >>> segments, values, labels = select_candidates(
        ...     scores, torch.tensor([[0., 5.], [4., 9.]]), pre_nms_thresh=.15, pre_nms_topk=2)
        >>> segments
        tensor([[0., 5.],
                [4., 9.]])
        >>> labels
        tensor([0, 1])
    """
    num_classes = scores.shape[1]
    if level_lengths is None:
        level_lengths = [len(scores)]
    if sum(level_lengths) != len(scores):
        raise ConfigError(f'levels of {list(level_lengths)} points, but scores of {len(scores)}')
    kept_scores, kept, offset = [], [], 0
    for level in scores.split(list(level_lengths)):
        flat = level.reshape(-1)  # (N_l * K,)
        values, pairs = _top_above(flat, pre_nms_thresh, pre_nms_topk)
        kept_scores.append(values)
        kept.append(pairs + offset)
        offset += len(flat)
    values, pairs = torch.cat(kept_scores), torch.cat(kept)
    return segments[pairs // num_classes], values, pairs % num_classes


def _top_above(scores: Tensor, threshold: float, k: int) -> tuple[Tensor, Tensor]:
    """The ``k`` best of the ``scores`` above ``threshold``, and where they are."""
    # Handling a million scores costs more than the suppression of the best of them. A sample
    # suggests a score that about 2 k exceed; where k do, the others need not be looked at.
    pairs = scores.new_empty(0)
    step = len(scores) // 16384
    if step > 1 and 2 * k < len(scores):
        guess = scores[::step].topk(2 * k // step + 32).values[-1].clamp(min=threshold)
        pairs = (scores > guess).nonzero().squeeze(1)
    if len(pairs) < k:
        pairs = (scores > threshold).nonzero().squeeze(1)
    values, order = scores[pairs].topk(min(k, len(pairs)))
    return values, pairs[order]


def postprocess_video(
    cls_logits: Tensor,
    segments_grid: Tensor,
    *,
    cfg: PostProcessCfg,
    feature_stride: float,
    offset_frames: float,
    fps: float,
    duration: float,
    level_lengths: Sequence[int] | None = None,
    prior: ClassPrior | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Detections of one video.

    Args:
        cls_logits (Tensor): ``(N, K)`` of the valid points of all levels, before the sigmoid.
        segments_grid (Tensor): ``(N, 2)`` decoded start and end in grid units, not clipped.
        cfg (PostProcessCfg): Settings.
        feature_stride (float): Frames between two grid steps.
        offset_frames (float): Frame at the centre of grid step 0.
        fps (float): Frames a second.
        duration (float): Length of the video in seconds.
        level_lengths (Sequence[int], optional): Points of each level; needed for
            ``cfg.per_level``.
        prior (ClassPrior, optional): Corrects logits before and scores after the suppression.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Segments in seconds ``(M, 2)`` float32, clamped to the
        video, scores ``(M,)`` float32 and labels ``(M,)`` int64, by descending score.

    Raises:
        ConfigError: If the levels are missing or do not add up.

    Example:
        >>> segments, scores, labels = postprocess_video(
        ...     torch.tensor([[2., -9.]]), torch.tensor([[5., 10.]]), cfg=PostProcessCfg(),
        ...     feature_stride=4, offset_frames=8, fps=10., duration=30.)
        >>> segments
        tensor([[2.8000, 4.8000]])
    """
    if cfg.per_level and level_lengths is None:
        raise ConfigError('per_level needs the number of points of each level')
    logits, segments_grid = cls_logits.float(), segments_grid.float()
    if prior is not None:
        seconds = (segments_grid * feature_stride + offset_frames) / fps
        logits = logits + prior.logits(seconds.mean(1) / duration, seconds[:, 1] - seconds[:, 0])
    segments, scores, labels = select_candidates(
        logits.sigmoid(),
        segments_grid,
        pre_nms_thresh=cfg.pre_nms_thresh,
        pre_nms_topk=cfg.pre_nms_topk,
        level_lengths=level_lengths if cfg.per_level else None,
    )
    found = suppress_candidates(
        segments,
        scores,
        labels,
        num_classes=cls_logits.shape[1],
        cfg=cfg,
        time=VideoTime(feature_stride, offset_frames, fps, duration),
    )
    if prior is None:
        return found
    segments, scores, labels = found
    scores, order = prior.recalibrate(scores, labels).sort(descending=True, stable=True)
    return segments[order], scores, labels[order]


def suppress_candidates(
    segments: Tensor,
    scores: Tensor,
    labels: Tensor,
    *,
    num_classes: int,
    cfg: PostProcessCfg,
    time: VideoTime,
) -> tuple[Tensor, Tensor, Tensor]:
    """From candidates to detections: shortest length, NMS, seconds.

    Args:
        segments (Tensor): ``(n, 2)`` in grid units.
        scores (Tensor): ``(n,)``.
        labels (Tensor): ``(n,)`` int64, in ``[0, num_classes)``.
        num_classes (int): Number of classes.
        cfg (PostProcessCfg): Settings.
        time (VideoTime): With ``fps`` and ``duration``.

    Returns:
        tuple[Tensor, Tensor, Tensor]: As of :func:`postprocess_video`.

    Example:
        >>> segments = torch.tensor([[0., 10.], [0., 9.], [20., 20.01]])
        >>> suppress_candidates(
        ...     segments, torch.tensor([.9, .8, .7]), torch.tensor([0, 1, 1]), num_classes=2,
        ...     cfg=PostProcessCfg(min_len=.05), time=VideoTime(4, 8, fps=10., duration=4.))[0]
        tensor([[0.8000, 4.0000],
                [0.8000, 4.0000]])
    """
    if cfg.min_len is not None:
        long = segments[:, 1] - segments[:, 0] > cfg.min_len
        segments, scores, labels = segments[long], scores[long], labels[long]
    segments, scores, labels = segment_nms(
        segments, scores, labels, num_classes=num_classes, **cfg.nms_kwargs()
    )
    return time.to_seconds(segments), scores, labels


def predict_video(
    sample: Any,
    cls_logits: Tensor,
    segments_grid: Tensor,
    level_masks: Sequence[Tensor],
    cfg: PostProcessCfg,
    prior: ClassPrior | None = None,
) -> None:
    """Put the detections of one video into its data sample.

    Args:
        sample (ActionDataSample): Metainfo with ``feature_stride``, ``offset_frames``, ``fps`` and
            ``duration``; gets ``pred_instances.{segments, scores, labels}``, segments in seconds.
        cls_logits (Tensor): ``(N, K)`` of the points of all levels, before the sigmoid.
        segments_grid (Tensor): ``(N, 2)`` decoded start and end in grid units.
        level_masks (Sequence[Tensor]): ``(T_l,)`` bool of each level, True for valid points.
        cfg (PostProcessCfg): Settings.
        prior (ClassPrior, optional): See :func:`postprocess_video`.

    Raises:
        NotFiniteError: The network gives NaN or infinity for a valid point.

    Example:
        >>> from mmaction.structures import ActionDataSample
        >>> sample = ActionDataSample(metainfo=dict(
        ...     video_id='v', feature_stride=4, offset_frames=8, fps=10., duration=30.))
        >>> predict_video(sample, torch.tensor([[2.]]), torch.tensor([[5., 10.]]),
        ...               [torch.tensor([True])], PostProcessCfg())
        >>> sample.pred_instances.segments
        tensor([[2.8000, 4.8000]])
    """
    valid = torch.cat(list(level_masks))
    logits, segments = cls_logits[valid], segments_grid[valid]
    require_finite(logits, segments, sample.metainfo.get('video_id'))
    segments_sec, scores, labels = postprocess_video(
        logits,
        segments,
        cfg=cfg,
        level_lengths=[int(mask.sum()) for mask in level_masks],
        prior=prior,
        **{key: sample.metainfo[key] for key in TIME_KEYS},
    )
    sample.pred_instances = InstanceData(segments=segments_sec, scores=scores, labels=labels)


@torch.no_grad()
def require_finite(cls_logits: Tensor, segments: Tensor, video: str) -> None:
    """Stop at a video of which the network makes NaN or infinity: nothing could be detected there.

    Args:
        cls_logits (Tensor): (N, K).
        segments (Tensor): (N, 2) in grid steps.
        video (str): Its name.

    Raises:
        NotFiniteError: One of them holds such a value.

    Example:
        >>> require_finite(torch.zeros(3, 2), torch.zeros(3, 2), 'video_1')
    """
    for name, values in (('class logits', cls_logits), ('segments', segments)):
        bad = int((~values.isfinite()).sum())
        if bad:
            raise NotFiniteError(
                f'video {video!r}: {bad} of {values.numel()} {name} are NaN or infinite: look for '
                'such values in the checkpoint, whose training may have diverged, and for very '
                'large ones in the features'
            )
