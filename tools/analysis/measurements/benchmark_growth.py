# SPDX-License-Identifier: Apache-2.0
"""How time and memory grow with segments, classes and length."""

import time

from measurements.benchmark_detections import post_processing
from measurements.benchmark_model import build_model, peak_memory, random_batch
from tmx_plugin.utils.memory import keep_freed_memory


def growth(
    config: str,
    num_gts: int,
    num_classes: int,
    length: int,
    runs: int,
    cfg_options: dict | None = None,
) -> dict:
    """A training step of two videos, and the post-processing of one.

    Args:
        config (str): Config file.
        num_gts (int): Segments a video.
        num_classes (int): Classes of the model.
        length (int): Grid length.
        runs (int): Runs after the warm-up, of which the least counts.
        cfg_options (dict, optional): Overrides of the config.

    Returns:
        dict: ``step_seconds`` of processor time, ``peak`` (bytes of resident memory of the process
        during the steps) and ``post_seconds``, of processor time too.
    """
    keep_freed_memory()
    options = {**(cfg_options or {}), 'model.head.num_classes': num_classes}
    model = build_model(config, options).train()
    inputs, samples = random_batch(model, num_gts, length)
    seconds = []
    for _ in range(runs + 1):
        model.zero_grad(set_to_none=True)
        start = time.process_time()
        losses = model(inputs, samples, mode='loss')
        (losses['loss_cls'] + losses['loss_reg']).backward()
        seconds.append(time.process_time() - start)
    peak = peak_memory()
    present = min(num_classes, 60)
    clock = time.process_time  # as above
    post = post_processing(config, num_gts, present, 1.0, runs, length, options, clock)
    return dict(step_seconds=min(seconds[1:]), peak=peak, post_seconds=post['seconds'])
