# SPDX-License-Identifier: Apache-2.0
from .checkpoint_hook import TALCheckpointHook
from .class_prior_hook import ClassPriorHook
from .data_check_hook import DataCheckHook
from .ema_hook import TALEMAHook
from .epoch_seed_hook import EpochSeedHook
from .finite_hook import FiniteHook
from .interrupt_hook import InterruptHook
from .resume_val_hook import ResumeValHook
from .run_folder_hook import RunFolderHook
from .save_hook import AtomicCheckpointHook

__all__ = [
    'AtomicCheckpointHook',
    'ClassPriorHook',
    'DataCheckHook',
    'EpochSeedHook',
    'FiniteHook',
    'InterruptHook',
    'ResumeValHook',
    'RunFolderHook',
    'TALCheckpointHook',
    'TALEMAHook',
]
