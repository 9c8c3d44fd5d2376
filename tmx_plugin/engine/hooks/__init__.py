# SPDX-License-Identifier: Apache-2.0
from .checkpoint_hook import TALCheckpointHook
from .data_check_hook import DataCheckHook
from .ema_hook import TALEMAHook
from .epoch_seed_hook import EpochSeedHook
from .resume_val_hook import ResumeValHook

__all__ = ['DataCheckHook', 'EpochSeedHook', 'ResumeValHook', 'TALCheckpointHook', 'TALEMAHook']
