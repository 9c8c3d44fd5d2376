# SPDX-License-Identifier: Apache-2.0
"""Time of post-processing and of the mAP, on detections as a trained model gives them.

Letters: T grid length, N points over all levels, K classes, G segments of one video.
"""

import statistics
import time
from collections.abc import Callable
from typing import Optional

import numpy as np
import torch

from measurements.benchmark_model import LENGTH, build_model, points_of_levels, random_segments
from tmx_plugin.evaluation.functional import SegmentTable, average_precision
from tmx_plugin.models.task_modules.postprocess import PostProcessCfg, postprocess_video

TIME = dict(feature_stride=4, offset_frames=8, fps=30.0, duration=320.0)
BACKGROUND = -7.0  # logit of points outside of segments


def skewed_labels(num: int, classes, generator: torch.Generator) -> torch.Tensor:
    """Labels (num, ) of which the n-th class is n times as rare as the first."""
    order = 1 / torch.arange(1.0, len(classes) + 1)
    return classes[torch.multinomial(order, num, replacement=True, generator=generator)]


def random_predictions(
    model, num_gts: int, num_present: int, shortest: float, length: int = LENGTH
):
    """Logits (N, K) and decoded segments (N, 2) of a video with ``num_gts`` actions.

    They are of ``num_present`` classes, and of 1 to 64 times the ``shortest`` length.

    Points inside an action have a higher logit of its class the nearer they are to its middle and
    the better their level fits, and give its boundaries with an error of a tenth of its length.
    Elsewhere logits and segments are noise.
    """
    generator = torch.Generator().manual_seed(0)
    levels = points_of_levels(model, length)
    times = torch.cat(levels)
    strides = torch.cat([torch.full_like(level, 2.0**i) for i, level in enumerate(levels)])
    num_points, num_classes = len(times), model.head.num_classes
    logits = BACKGROUND + 1.5 * torch.randn(num_points, num_classes, generator=generator)
    reach = strides[:, None] * 4 * torch.rand(num_points, 2, generator=generator)
    segments = times[:, None] + torch.tensor([-1.0, 1.0]) * reach
    actions = random_segments(num_gts, length, generator, shortest)
    present = torch.randperm(num_classes, generator=generator)[:num_present]
    for action, label in zip(actions, skewed_labels(num_gts, present, generator)):
        start, end = action.tolist()
        inside = (times >= start) & (times <= end)
        fit = -(torch.maximum(times - start, end - times) / (3 * strides)).log2().abs()
        off_centre = (times - (start + end) / 2).abs() / (end - start)
        noise = torch.randn(num_points, generator=generator)
        raised = BACKGROUND + 8 + fit - 4 * off_centre + 0.7 * noise
        logits[inside, label] = torch.maximum(logits[inside, label], raised[inside])
        shown = inside & (fit > -1.5)
        errors = torch.randn(num_points, 2, generator=generator) * 0.1 * (end - start)
        segments[shown] = (action + errors)[shown]
    return logits, segments


def post_processing(
    config: str,
    num_gts: int,
    num_present: int,
    shortest: float,
    runs: int,
    length: int = LENGTH,
    cfg_options: Optional[dict] = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict:
    """From the logits of one video to detections in seconds, with the settings of a config.

    Returns:
        dict: ``seconds`` (median) and ``detections``, their number.
    """
    with torch.device('meta'):  # only its sizes are needed
        model = build_model(config, cfg_options)
    logits, segments = random_predictions(model, num_gts, num_present, shortest, length)
    seconds = []
    for run in range(runs + 1):
        start = clock()
        found = postprocess_video(logits, segments, cfg=model.postprocess_cfg, **TIME)
        if run:
            seconds.append(clock() - start)
    return dict(seconds=statistics.median(seconds), detections=len(found[1]))


def one_busy_class(cfg: PostProcessCfg, num: int, runs: int) -> dict:
    """The hardest case: all candidates are of one class.

    Returns:
        dict: ``seconds`` (median) and ``detections``, their number.
    """
    generator = torch.Generator().manual_seed(0)
    segments = random_segments(num, LENGTH, generator)
    logits = torch.randn(num, 1, generator=generator)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        found = postprocess_video(logits, segments, cfg=cfg, **TIME)
        seconds.append(time.perf_counter() - start)
    return dict(seconds=statistics.median(seconds), detections=len(found[1]))


def random_tables(num_videos: int, num_gts: int, num_classes: int, per_video: int):
    """Ground truth and detections; half of these lie near a ground truth of their class."""
    generator = torch.Generator().manual_seed(0)
    rng = np.random.default_rng(0)
    videos = rng.integers(num_videos, size=num_gts)
    segments = random_segments(num_gts, LENGTH, generator).double().numpy() / 8
    labels = skewed_labels(
        num_gts, torch.randperm(num_classes, generator=generator), generator
    ).numpy()
    gt = SegmentTable(videos, segments, labels)

    num = num_videos * per_video
    source = rng.integers(num_gts, size=num)
    error = rng.exponential(0.3, num)
    lengths = np.diff(segments[source])
    found = segments[source] + rng.normal(size=(num, 2)) * error[:, None] * lengths
    found.sort(axis=1)
    stray = rng.random(num) < 0.5
    scores = rng.beta(1, 3, num) * np.where(stray, 0.3, np.exp(-error))
    det = SegmentTable(
        np.where(stray, rng.integers(num_videos, size=num), videos[source]),
        found,
        labels[source],
        scores,
    )
    return gt, det


def mean_average_precision(
    num_videos: int, num_gts: int, num_classes: int, per_video: int, tious, runs: int
) -> dict:
    """AP of every class at every tIoU, from arrays.

    Returns:
        dict: ``seconds`` (median), ``detections`` and ``mAP``.
    """
    gt, det = random_tables(num_videos, num_gts, num_classes, per_video)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        _, precision = average_precision(gt, det, tious)
        seconds.append(time.perf_counter() - start)
    return dict(
        seconds=statistics.median(seconds), detections=len(det), mAP=float(precision.mean())
    )
