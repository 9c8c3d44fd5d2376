# SPDX-License-Identifier: Apache-2.0
"""Reading checkpoints: convert released ones, refuse what does not fit, find the last whole one."""

import os.path as osp
from typing import Optional

from mmaction.registry import HOOKS
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper

from tmx_plugin.engine import resume, work_dir
from tmx_plugin.errors import CheckpointError, CheckpointMismatchError
from tmx_plugin.models.checkpoint import (
    apply_norm_eps,
    load_checkpoint_file,
    to_plugin_checkpoint,
)
from tmx_plugin.models.safe_objects import to_plain

from .save_hook import AtomicCheckpointHook


@HOOKS.register_module()
class TALCheckpointHook(Hook):
    """Convert and check a checkpoint before it is loaded, and make ``--resume`` robust.

    Checkpoints released by the reference implementations are converted to this package's names
    (their EMA weights where the file has them). MMEngine loads what happens to fit and only warns
    about the rest; here a checkpoint that does not fit is refused with the list of differences.

    A checkpoint is data: paths in it are believed inside the run's own folder only, and its config
    is compared as text. What is saved is tensors and plain data.

    Args:
        strict (bool): Refuse checkpoints that do not fit. Set to False to start from those weights
            that fit, for example when fine-tuning on other classes. Defaults to True.
        verify (bool): Compare the checksums inside a file before it is loaded. Defaults to True.

    Example:
        >>> hook = HOOKS.build(dict(type='TALCheckpointHook'))
        >>> checkpoint = dict(meta=dict(epoch=3), message_hub={}, state_dict={})
        >>> hook.before_save_checkpoint(None, checkpoint)
        >>> checkpoint['meta'], hook.strict
        ({'epoch': 3}, True)
    """

    # Before EMAHook (NORMAL), which copies the weights that it is given.
    priority = 'ABOVE_NORMAL'

    def __init__(self, strict: bool = True, verify: bool = True) -> None:
        self.strict = strict
        self.verify = verify
        self._norm_eps: Optional[float] = None

    def before_run(self, runner) -> None:
        """Choose the newest whole checkpoint for ``--resume`` without a name.

        A file that was named is read once here, for an error that says what is wrong with it.
        """
        _warn_of_early_removal(runner)
        if runner._load_from is not None:
            checkpoint = load_checkpoint_file(runner._load_from, verify=self.verify)
            if runner._resume:
                resume.check_resumable(checkpoint, runner._load_from)
        elif runner._resume:
            runner._load_from = self._choose(runner)
            runner._resume = runner._load_from is not None

    def _choose(self, runner) -> Optional[str]:
        """Path of the checkpoint to go on from, the same in every process."""
        chosen: list = [None, None]
        if is_main_process():
            folder = checkpoint_folder(runner)
            path = work_dir.newest_whole(
                folder, runner.logger.warning, self.verify, runner.work_dir
            )
            damaged = path is None and bool(work_dir.checkpoints(folder, runner.work_dir))
            chosen = [path and str(path), damaged and folder]
            if not damaged:
                runner.logger.info(
                    f'Resuming from {path}'
                    if path
                    else f'There is no checkpoint in {folder} to resume from: training starts anew'
                )
        broadcast_object_list(chosen)
        if chosen[1]:
            raise CheckpointError(
                f'None of the checkpoints in {chosen[1]} is whole. To start '
                'anew, remove them or give another --work-dir.'
            )
        return chosen[0]

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Convert and check, in place."""
        name = runner._load_from or 'the checkpoint'
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if runner._resume:
            resume.check_resumable(checkpoint, name)
        try:
            converted = dict(
                to_plugin_checkpoint(checkpoint, model, name, strict=self.strict or runner._resume)
            )
        except CheckpointMismatchError as error:
            start = f'leave out --resume and add --cfg-options load_from={name}'
            raise CheckpointMismatchError(
                f'{error}\nTo start a training from the weights that do fit, '
                f'{start if runner._resume else "add --cfg-options"} '
                'default_hooks.load_checkpoint.strict=False'
            ) from None
        checkpoint.clear()
        checkpoint.update(converted)
        if runner._resume:
            self._check_state(runner, checkpoint, model, name)
        self._norm_eps = apply_norm_eps(checkpoint, model)

    @staticmethod
    def _check_state(runner, checkpoint: dict, model, name) -> None:
        """What resuming needs besides the weights."""
        if isinstance(runner.optim_wrapper, OptimWrapper):
            resume.check_optimizer(checkpoint['optimizer'], runner.optim_wrapper.optimizer, name)
        if 'ema_state_dict' in checkpoint:
            resume.check_average(checkpoint['ema_state_dict'], model, name)
        resume.believe_own_paths(
            checkpoint['message_hub']['runtime_info'],
            checkpoint_folder(runner),
            runner.logger.warning,
        )
        lines = resume.config_differences(checkpoint['meta'].get('cfg'), runner.cfg.pretty_text)
        if lines:
            runner.logger.warning(
                'The config differs from the one the checkpoint was written '
                'with:\n' + '\n'.join(lines)
            )

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Hand on the eps of the weights that the training started from; keep plain data only."""
        if self._norm_eps is not None:
            checkpoint['meta']['layer_norm_eps'] = self._norm_eps
        dropped: list[str] = []
        for key in ('meta', 'message_hub'):
            if key in checkpoint:
                checkpoint[key] = to_plain(checkpoint[key], key, dropped)
        if dropped:
            print_log('Not saved, since they are not plain data: ' + ', '.join(dropped), 'current')


def _warn_of_early_removal(runner) -> None:
    """Say how to change a config whose hook removes a checkpoint before the next one is safe."""
    for hook in getattr(runner, 'hooks', []):
        if isinstance(hook, CheckpointHook) and not isinstance(hook, AtomicCheckpointHook):
            runner.logger.warning(
                f'{type(hook).__name__} of {type(hook).__module__} removes an old checkpoint '
                'before the new one is safe on the disk. Put '
                "default_hooks = dict(checkpoint=dict(type='AtomicCheckpointHook', ...)) into the "
                'config, with the same arguments.'
            )


def checkpoint_folder(runner) -> str:
    """Where a run keeps its checkpoints: the work directory, unless its hook has an ``out_dir``."""
    out_dir = next(
        (hook.out_dir for hook in getattr(runner, 'hooks', []) if isinstance(hook, CheckpointHook)),
        None,
    )
    if out_dir in (None, runner.work_dir):
        return runner.work_dir
    return osp.join(out_dir, osp.basename(runner.work_dir.rstrip(osp.sep)))
