# SPDX-License-Identifier: Apache-2.0
"""Exponential moving average of the weights, as the method uses it."""

import torch
from mmaction.registry import HOOKS, MODELS
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from torch import nn


@MODELS.register_module()
class FusedEMA(ExponentialMovingAverage):
    """MMEngine's average with all tensors updated in one call, and the same arguments.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> with torch.no_grad():
        ...     ema = FusedEMA(model.requires_grad_(False), momentum=0.25, update_buffers=True)
        ...     ema.update_parameters(model.apply(lambda each: each.weight.fill_(0)))
        ...     ema.update_parameters(model.apply(lambda each: each.weight.fill_(8)))
        >>> ema.module.weight
        Parameter containing:
        tensor([[2.]])
    """

    def update_parameters(self, model: nn.Module) -> None:
        """Move the average towards the weights of ``model``; the first call copies them."""
        if self.steps == 0 or self.steps % self.interval or not self.update_buffers:
            super().update_parameters(model)
            return
        source = model.state_dict()
        names = [name for name, value in self.avg_parameters.items() if value.is_floating_point()]
        averages = [self.avg_parameters[name] for name in names]
        torch._foreach_lerp_(
            averages,
            [source[name].to(average.device) for name, average in zip(names, averages)],
            self.momentum,
        )
        self.steps += 1


@HOOKS.register_module()
class TALEMAHook(EMAHook):
    """EMA that starts as a copy of the initial weights and averages from the first step on.

    MMEngine's hook copies the weights at its first update instead, which drops the initial
    weights and is one step behind. Parameters and float buffers (the loss normalizer) are
    averaged: ``ema = (1 - momentum) * ema + momentum * weights`` after every iteration.
    Validation and testing use the average, and a checkpoint's ``state_dict`` holds it.

    Args:
        momentum (float): Weight of the new value. Defaults to 0.001.
        update_buffers (bool): Whether to average float buffers as well. Defaults to True.
        ema_type (str): The average. Defaults to :class:`FusedEMA`.
        **kwargs: As for :class:`mmengine.hooks.EMAHook`.

    Example:
        >>> HOOKS.build(dict(type='TALEMAHook')).priority
        'NORMAL'
    """

    def __init__(
        self,
        momentum: float = 0.001,
        update_buffers: bool = True,
        ema_type: str = 'mmaction.FusedEMA',
        **kwargs,
    ) -> None:
        super().__init__(
            ema_type=ema_type, momentum=momentum, update_buffers=update_buffers, **kwargs
        )

    def before_train(self, runner) -> None:
        """Copy the weights now that they are initialized or loaded, unless EMA was resumed."""
        super().before_train(runner)
        if self.ema_model.steps == 0:
            # The first update is the copy; it also sets ``steps`` to 1, so later ones average.
            self.ema_model.update_parameters(self.src_model)
