# SPDX-License-Identifier: Apache-2.0
"""Time and memory of training steps and of the forward pass, on random features.

Letters: T grid length, N points over all levels, G segments of one video, B videos of a batch.
"""
import resource
import statistics
import sys
import time
from typing import Optional

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor, nn

LENGTH = 2304
BATCH = 2


def build_model(config: str, cfg_options: Optional[dict] = None) -> nn.Module:
    """Model of a config file with random weights, the same at every call."""
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    torch.manual_seed(0)
    return MODELS.build(cfg.model)


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 1024


def random_segments(num: int, length: int, generator: torch.Generator, shortest: float = 4.
                    ) -> Tensor:
    """Segments (G, 2) of 1 to 64 times the shortest length, each scale as frequent, anywhere."""
    lengths = shortest * 64**torch.rand(num, generator=generator)
    starts = torch.rand(num, generator=generator) * (length - lengths).clamp(min=0)
    return torch.stack([starts, starts + lengths], 1)


def random_batch(model: nn.Module, num_gts: int, length: int):
    """Features (B, C, T) and samples with ``num_gts`` segments each."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(BATCH, length, model.neck.in_channels, generator=generator)
    samples = []
    for _ in range(BATCH):
        labels = torch.randint(model.head.num_classes, (num_gts, ), generator=generator)
        samples.append(ActionDataSample())
        samples[-1].gt_instances = InstanceData(
            segments=random_segments(num_gts, length, generator), labels=labels)
    return inputs.transpose(1, 2), samples


def training_step(config: str, num_gts: int, runs: int, length: int = LENGTH,
                  cfg_options: Optional[dict] = None) -> dict:
    """Forward, assignment, losses and backward of a batch of two videos.

    The optimizer's update is not part of it.

    Returns:
        dict: ``seconds`` (median), ``assignment`` (the share of it, median), ``peak`` (bytes of
        resident memory of the whole process) and ``num_pos``.
    """
    model = build_model(config, cfg_options).train()
    inputs, samples = random_batch(model, num_gts, length)
    assign, in_assign = model.head.assigner.assign, []

    def timed_assign(*args):
        start = time.perf_counter()
        result = assign(*args)
        in_assign.append(time.perf_counter() - start)
        return result

    model.head.assigner.assign = timed_assign
    seconds, assignment = [], []
    for run in range(runs + 1):
        model.zero_grad(set_to_none=True)
        in_assign.clear()
        start = time.perf_counter()
        losses = model(inputs, samples, mode='loss')
        (losses['loss_cls'] + losses['loss_reg']).backward()
        if run:  # the first one warms up
            seconds.append(time.perf_counter() - start)
            assignment.append(sum(in_assign) / seconds[-1])
    return dict(seconds=statistics.median(seconds), assignment=statistics.median(assignment),
                peak=peak_memory(), num_pos=float(losses['num_pos']))


def inference_forward(config: str, runs: int, length: int = LENGTH,
                      cfg_options: Optional[dict] = None) -> dict:
    """The forward pass of one video, and in turns with it the bare convolutions.

    These are calls of :func:`torch.nn.functional.conv1d` of the same sizes, with the head's over
    all levels at once: what the machine can do.

    Returns:
        dict: ``seconds`` and ``conv_seconds`` (medians), ``multiply_adds``, their ``rate`` and
        ``conv_rate`` a second, and ``share``, the rate of the model relative to that of the
        convolutions.
    """
    model = build_model(config, cfg_options).eval()
    inputs = torch.randn(1, length, model.neck.in_channels).transpose(1, 2)
    calls = conv_calls(model, length)
    multiply_adds = sum(conv.weight.numel() * x.shape[2] for conv, x in calls)
    seconds, conv_seconds = [], []
    with torch.no_grad():
        for run in range(runs + 2):
            start = time.perf_counter()
            for conv, x in calls:
                F.conv1d(x, conv.weight, conv.bias, padding=conv.padding)
            middle = time.perf_counter()
            model(inputs)
            if run > 1:
                conv_seconds.append(middle - start)
                seconds.append(time.perf_counter() - middle)
    ours, plain = statistics.median(seconds), statistics.median(conv_seconds)
    return dict(seconds=ours, conv_seconds=plain, multiply_adds=multiply_adds,
                rate=multiply_adds / ours, conv_rate=multiply_adds / plain, share=plain / ours)


def conv_calls(model: nn.Module, length: int) -> list:
    """The convolutions of a model, each with a random input (1, C, T or N) of its size."""
    num_points = sum(len(level) for level in points_of_levels(model, length))
    return [(conv, torch.randn(1, conv.in_channels, size))
            for part, size in ((model.neck, length), (model.head, num_points))
            for conv in part.modules() if isinstance(conv, nn.Conv1d)]


def points_of_levels(model: nn.Module, length: int) -> list:
    """Grid positions (T_l, ) of the points of each level, float32."""
    levels = []
    for stride in model.head.strides:
        levels.append(torch.arange(length) * float(stride))
        length = (length + 1) // 2
    return levels
