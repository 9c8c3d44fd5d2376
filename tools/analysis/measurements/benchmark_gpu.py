# SPDX-License-Identifier: Apache-2.0
"""Time, kernel launches, synchronisations and memory of training and inference on a GPU."""

import statistics
import warnings
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from measurements.benchmark_model import LENGTH, build_model, iteration, random_batch
from tmx_plugin.utils.devices import resolve_device


def training_step(config: str, num_gts: int, runs: int, length: int = LENGTH) -> dict:
    """Whole iterations of two videos, from the samples to the averaged weights.

    Returns:
        dict: See :func:`measure`.
    """
    device = resolve_device('cuda')
    model = build_model(config).to(device).train()
    inputs, samples = random_batch(model, num_gts, length)
    return measure(iteration(model, config, inputs, samples), runs)


def inference_forward(config: str, runs: int, length: int = LENGTH) -> dict:
    """The forward pass of one video without gradients.

    Returns:
        dict: See :func:`measure`.
    """
    device = resolve_device('cuda')
    model = build_model(config).to(device).eval()
    inputs = torch.randn(1, model.neck.in_channels, length, device=device)
    with torch.no_grad():
        return measure(lambda: model(inputs), runs)


def measure(function: Callable, runs: int, warm_up: int = 5) -> dict:
    """Call a function repeatedly on the current CUDA device.

    Returns:
        dict: ``seconds`` (median, by CUDA events), ``launches`` of kernels and
        ``synchronisations`` of the host in one call, and ``peak`` bytes of memory.
    """
    for _ in range(warm_up):
        function()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(runs):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        function()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / 1000)
    peak = torch.cuda.max_memory_allocated()
    return dict(
        seconds=statistics.median(times),
        launches=_launches(function),
        synchronisations=_synchronisations(function),
        peak=peak,
    )


def _launches(function: Callable) -> int:
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as record:
        function()
        torch.cuda.synchronize()
    return sum(
        event.count
        for event in record.key_averages()
        if event.key.startswith(('cudaLaunchKernel', 'cuLaunchKernel'))
    )


def _synchronisations(function: Callable) -> int:
    """Times the host waits for the device, as torch warns of them."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode('warn')
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            function()
    finally:
        torch.cuda.set_sync_debug_mode(before)
    return sum('synchroniz' in str(warning.message) for warning in caught)
