# SPDX-License-Identifier: Apache-2.0
from .checkpoint_hook import TALCheckpointHook
from .ema_hook import TALEMAHook
from .epoch_seed_hook import EpochSeedHook

__all__ = ['EpochSeedHook', 'TALCheckpointHook', 'TALEMAHook']
