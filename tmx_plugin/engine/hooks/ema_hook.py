# SPDX-License-Identifier: Apache-2.0
"""Exponential moving average of the weights, as the method uses it."""
from mmaction.registry import HOOKS
from mmengine.hooks import EMAHook


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
        **kwargs: As for :class:`mmengine.hooks.EMAHook`.
    """

    def __init__(self, momentum: float = 0.001, update_buffers: bool = True, **kwargs) -> None:
        super().__init__(momentum=momentum, update_buffers=update_buffers, **kwargs)

    def before_train(self, runner) -> None:
        """Copy the weights now that they are initialized or loaded, unless EMA was resumed."""
        super().before_train(runner)
        if self.ema_model.steps == 0:
            # The first update is the copy; it also sets ``steps`` to 1, so later ones average.
            self.ema_model.update_parameters(self.src_model)
