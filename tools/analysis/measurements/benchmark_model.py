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
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor, nn

from tmx_plugin.engine.hooks.ema_hook import FusedEMA
from tmx_plugin.utils.memory import keep_freed_memory

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


def random_segments(
    num: int, length: int, generator: torch.Generator, shortest: float = 4.0
) -> Tensor:
    """Segments (G, 2) of 1 to 64 times the shortest length, each scale as frequent, anywhere."""
    lengths = shortest * 64 ** torch.rand(num, generator=generator)
    starts = torch.rand(num, generator=generator) * (length - lengths).clamp(min=0)
    return torch.stack([starts, starts + lengths], 1)


def random_batch(model: nn.Module, num_gts: int, length: int):
    """Features (B, C, T) and samples with ``num_gts`` segments each."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(BATCH, length, model.neck.in_channels, generator=generator)
    samples = []
    for _ in range(BATCH):
        labels = torch.randint(model.head.num_classes, (num_gts,), generator=generator)
        samples.append(ActionDataSample())
        samples[-1].gt_instances = InstanceData(
            segments=random_segments(num_gts, length, generator), labels=labels
        )
    return inputs.transpose(1, 2), samples


def training_step(
    config: str, num_gts: int, runs: int, length: int = LENGTH, cfg_options: Optional[dict] = None
) -> dict:
    """Training steps of two videos, and in turns with them the bare convolutions.

    Bare are calls of :func:`torch.nn.functional.conv1d` of the same sizes, forward and backward to
    weights and, but for the first, inputs. The processor and what else it does count for both, so
    that the ratio can be compared between machines.

    Returns:
        dict: ``seconds`` of forward, assignment, losses and backward, ``iteration_seconds`` from
        the samples to the averaged weights, ``bare_seconds`` (the least of all runs each),
        ``ratio`` and ``iteration_ratio`` to the bare ones, ``assignment`` (its share of the step,
        median), ``peak`` (bytes of resident memory of the whole process, without the bare ones)
        and ``num_pos``.
    """
    keep_freed_memory()
    model = build_model(config, cfg_options).train()
    inputs, samples = random_batch(model, num_gts, length)
    assign, in_assign = model.head.assigner.assign, []

    def timed_assign(*args):
        start = time.perf_counter()
        result = assign(*args)
        in_assign.append(time.perf_counter() - start)
        return result

    def step():
        model.zero_grad(set_to_none=True)
        losses = model(inputs, samples, mode='loss')
        (losses['loss_cls'] + losses['loss_reg']).backward()
        return losses

    model.head.assigner.assign = timed_assign
    num_pos = float(step()['num_pos'])
    step()
    peak = peak_memory()
    iterate, bare = iteration(model, config, inputs, samples), bare_step(model, length)
    times, assignment = {'': [], 'iteration_': [], 'bare_': []}, []
    for run in range(runs + 1):
        for name, function in zip(times, (step, iterate, bare)):
            in_assign.clear()
            start = time.perf_counter()
            function()
            if run:  # the first one warms up
                times[name].append(time.perf_counter() - start)
                if function is step:
                    assignment.append(sum(in_assign) / times[name][-1])
    best = {f'{name}seconds': min(values) for name, values in times.items()}
    return dict(
        best,
        ratio=best['seconds'] / best['bare_seconds'],
        iteration_ratio=best['iteration_seconds'] / best['bare_seconds'],
        assignment=statistics.median(assignment),
        peak=peak,
        num_pos=num_pos,
    )


def iteration(model: nn.Module, config: str, inputs: Tensor, samples: list):
    """A function that does what the runner does with a batch: preprocessor to EMA."""
    cfg = Config.fromfile(config)
    MMLogger.get_instance('mmengine').setLevel('WARNING')  # a line for each parameter
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    ema = FusedEMA(model, cfg.default_hooks.ema.momentum, update_buffers=True)
    data = dict(inputs=[x.T for x in inputs], data_samples=samples)

    def run():
        model.train_step(data, optim_wrapper)
        ema.update_parameters(model)

    return run


def bare_step(model: nn.Module, length: int):
    """A function that convolves forward and backward, and nothing else."""
    calls = conv_calls(model, length, BATCH)
    for _, x in calls[1:]:
        x.requires_grad_()

    def run():
        for conv, x in calls:
            out = F.conv1d(x, conv.weight, conv.bias, padding=conv.padding)
            leaves = [conv.weight, x] if x.requires_grad else [conv.weight]
            torch.autograd.grad(out, leaves, out.detach())

    return run


def inference_forward(
    config: str, runs: int, length: int = LENGTH, cfg_options: Optional[dict] = None
) -> dict:
    """The forward pass of one video, and in turns with it the bare convolutions.

    Returns:
        dict: ``seconds`` and ``bare_seconds`` (the least of all runs each), their ``ratio``,
        ``multiply_adds``, and the ``rate`` and ``bare_rate`` of them a second.
    """
    model = build_model(config, cfg_options).eval()
    inputs = torch.randn(1, length, model.neck.in_channels).transpose(1, 2)
    calls = conv_calls(model, length)
    multiply_adds = sum(conv.weight.numel() * x.shape[2] for conv, x in calls)
    seconds, bare_seconds = [], []
    with torch.no_grad():
        for run in range(runs + 2):
            start = time.perf_counter()
            for conv, x in calls:
                F.conv1d(x, conv.weight, conv.bias, padding=conv.padding)
            middle = time.perf_counter()
            model(inputs)
            if run > 1:
                bare_seconds.append(middle - start)
                seconds.append(time.perf_counter() - middle)
    ours, bare = min(seconds), min(bare_seconds)
    return dict(
        seconds=ours,
        bare_seconds=bare,
        ratio=ours / bare,
        multiply_adds=multiply_adds,
        rate=multiply_adds / ours,
        bare_rate=multiply_adds / bare,
    )


def conv_calls(model: nn.Module, length: int, batch: int = 1) -> list:
    """The convolutions of a model, each with a random input (B, C, T or N) of its size."""
    num_points = sum(len(level) for level in points_of_levels(model, length))
    return [
        (conv, torch.randn(batch, conv.in_channels, size))
        for part, size in ((model.neck, length), (model.head, num_points))
        for conv in part.modules()
        if isinstance(conv, nn.Conv1d)
    ]


def points_of_levels(model: nn.Module, length: int) -> list:
    """Grid positions (T_l, ) of the points of each level, float32."""
    levels = []
    for stride in model.head.strides:
        levels.append(torch.arange(length) * float(stride))
        length = (length + 1) // 2
    return levels
