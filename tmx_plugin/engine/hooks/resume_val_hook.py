# SPDX-License-Identifier: Apache-2.0
"""The validation that a killed run may have missed."""

from pathlib import Path

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop


@HOOKS.register_module()
class ResumeValHook(Hook):
    """Repeat the validation of the epoch that training resumes from, unless it is known to be done.

    A checkpoint is saved before its epoch is validated. Without this, a run killed in between
    would never validate that epoch, and could miss the best checkpoint or the final result.

    Example:
        >>> HOOKS.build(dict(type='ResumeValHook')).priority
        'LOWEST'
    """

    # After CheckpointHook (VERY_LOW) knows the best checkpoint so far.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._resumed = False

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Remember that this run is a resumed one."""
        # One from within an epoch comes after the validation of the epoch before.
        self._resumed = runner._resume and not checkpoint.get('meta', {}).get('batches')

    def before_train(self, runner) -> None:
        """Validate if the epoch just resumed from was to be validated."""
        loop, epoch = runner.train_loop, runner.epoch
        if (
            not self._resumed
            or runner.val_loop is None
            or not isinstance(loop, EpochBasedTrainLoop)
        ):
            return
        due = epoch >= loop.val_begin and (
            epoch % loop.val_interval == 0 or epoch == loop.max_epochs
        )
        best = Path(runner.message_hub.runtime_info.get('best_ckpt') or '')
        # The best checkpoint is saved after its validation.
        if due and not (best.stem.endswith(f'_epoch_{epoch}') and best.is_file()):
            runner.logger.info(f'Validating epoch {epoch}, from which training resumes')
            # As they were when the run that was killed validated.
            runner.message_hub.update_info_dict(dict(epoch=epoch - 1, iter=runner.iter - 1))
            runner.val_loop.run()
