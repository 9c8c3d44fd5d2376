# SPDX-License-Identifier: Apache-2.0
from contextlib import contextmanager

import torch
from mmaction.registry import OPTIM_WRAPPERS
from mmengine.optim import OptimWrapper
from torch import nn


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Mixed precision in bfloat16 on a CPU.

    MMEngine's ``AmpOptimWrapper`` refuses machines without an accelerator. bfloat16 has the range
    of float32, so that no loss scaling is needed.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(2, 2)
        >>> wrapper = CPUAmpOptimWrapper(optimizer=torch.optim.SGD(layer.parameters(), lr=.1))
        >>> with wrapper.optim_context(layer):
        ...     layer(torch.zeros(1, 2)).dtype
        torch.bfloat16
    """

    @contextmanager
    def optim_context(self, model: nn.Module):
        """Forward passes in the block run under autocast."""
        with super().optim_context(model), torch.autocast('cpu', dtype=torch.bfloat16):
            yield
