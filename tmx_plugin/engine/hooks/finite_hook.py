# SPDX-License-Identifier: Apache-2.0
"""The end of a training whose numbers are no longer numbers."""

import math

import torch
from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.optim import AmpOptimWrapper

from tmx_plugin.engine import work_dir
from tmx_plugin.errors import NotFiniteError


@HOOKS.register_module()
class FiniteHook(Hook):
    """Stop a training at the first loss or gradient that is not finite.

    Such a gradient never reaches the weights. Under float16 loss scaling, whose search for a scale
    overflows now and then, ``patience`` such steps in a row are skipped first.

    Args:
        patience (int): Steps in a row that float16 loss scaling may skip. Defaults to 20.

    Example:
        >>> HOOKS.build(dict(type='FiniteHook')).priority
        'ABOVE_NORMAL'
    """

    # Before the averages of the weights and the checkpoints, which are to stay good.
    priority = 'ABOVE_NORMAL'

    def __init__(self, patience: int = 20) -> None:
        self.patience = patience
        self._bad_gradient = None
        self._in_a_row = 0
        self._handle = None

    def before_train(self, runner) -> None:
        """Look at gradients before each step of the optimizer."""
        names = {id(p): name for name, p in runner.model.named_parameters()}

        def check(optimizer, *_) -> None:
            self._bad_gradient = drop_bad_gradients(optimizer, names)

        optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
        if optimizer is not None:
            self._handle = optimizer.register_step_pre_hook(check)

    def after_train(self, runner) -> None:
        """Stop watching."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Raise if a loss or gradient of the step was not finite.

        Raises:
            NotFiniteError: With its name, the rate, the videos and the last checkpoint.
        """
        losses = {
            name: torch.as_tensor(value).detach().item()
            for name, value in (outputs or {}).items()
            if 'loss' in name
        }
        bad = [f'{name} is {value}' for name, value in losses.items() if not math.isfinite(value)]
        if self._bad_gradient:
            bad.append(f'the gradient of {self._bad_gradient} is not finite')
        if not bad:
            self._in_a_row = 0
            return
        self._bad_gradient = None
        self._in_a_row += 1
        if isinstance(runner.optim_wrapper, AmpOptimWrapper) and self._in_a_row <= self.patience:
            return
        videos = [
            str(sample.metainfo.get('video_id'))
            for sample in (data_batch or {}).get('data_samples', [])
        ]
        rates = {rate for values in runner.optim_wrapper.get_lr().values() for rate in values}
        found = work_dir.checkpoints(runner.work_dir)
        raise NotFiniteError(
            f'epoch {runner.epoch + 1}, iteration {batch_idx + 1}: {", ".join(bad)}, at the '
            f'learning rate {", ".join(f"{rate:g}" for rate in sorted(rates))}, with the videos '
            f'{", ".join(videos) or "unknown"}; training stops, and '
            + (f'the last good checkpoint is {found[0]}' if found else 'no checkpoint was saved')
        )


def drop_bad_gradients(optimizer, names: dict):
    """Take all gradients from an optimizer if any of them is not finite.

    Args:
        optimizer (torch.optim.Optimizer): About to make a step.
        names (dict[int, str]): Names of parameters by their id.

    Returns:
        str, optional: Name of the first parameter whose gradient is not finite.
    """
    params = [p for group in optimizer.param_groups for p in group['params'] if p.grad is not None]
    if not params:
        return None
    norms = torch.stack([norm.float() for norm in torch._foreach_norm([p.grad for p in params])])
    finite = norms.isfinite()
    if finite.all():
        return None
    for p in params:
        p.grad = None
    return names.get(id(params[int((~finite).nonzero()[0])]), 'a parameter')
