# SPDX-License-Identifier: Apache-2.0
"""Reading checkpoints: convert released ones, refuse what does not fit, find the last whole one."""
from pathlib import Path

from mmaction.registry import HOOKS
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from tmx_plugin.utils.files import atomic_write


@HOOKS.register_module()
class TALCheckpointHook(Hook):
    """Convert and check a checkpoint before it is loaded, and make ``--resume`` robust.

    Checkpoints released by the reference implementations are converted to this package's names
    (their EMA weights where the file has them). MMEngine loads what happens to fit and only warns
    about the rest; here a checkpoint that does not fit is refused with the list of differences.

    Args:
        strict (bool): Refuse checkpoints that do not fit. Set to False to start from those weights
            that fit, for example when fine-tuning on other classes. Defaults to True.
    """

    # Before EMAHook (NORMAL), which copies the weights that it is given.
    priority = 'ABOVE_NORMAL'

    def __init__(self, strict: bool = True) -> None:
        self.strict = strict
        self._norm_eps = None

    def before_run(self, runner) -> None:
        """Point ``last_checkpoint`` at the newest checkpoint when it does not lead to one.

        It is empty when a run was killed while writing it, and wrong when the folder was moved.
        A file that was named is read once here, for an error that says what is wrong with it.
        """
        from tmx_plugin.models.checkpoint import load_checkpoint_file
        if runner._resume and runner._load_from is None:
            if is_main_process():
                repair_last_checkpoint(runner.work_dir)
            barrier()
        elif runner._load_from is not None and Path(runner._load_from).is_file():
            load_checkpoint_file(runner._load_from)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Convert and check, in place."""
        from tmx_plugin.models.checkpoint import (
            CheckpointError,
            CheckpointMismatchError,
            apply_norm_eps,
            to_plugin_checkpoint,
        )
        name = runner._load_from or 'the checkpoint'
        if runner._resume and not {'optimizer', 'meta'} <= checkpoint.keys():
            raise CheckpointError(
                f'{name} was not written by a training run of this project, or holds weights only, '
                'and cannot be resumed from; to start a new training with its weights, set '
                'load_from to it instead of --resume.')
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        try:
            converted = dict(to_plugin_checkpoint(
                checkpoint, model, name, strict=self.strict or runner._resume))
        except CheckpointMismatchError as error:
            raise CheckpointMismatchError(
                f'{error}\nTo start a training from the weights that do fit, add --cfg-options '
                'default_hooks.load_checkpoint.strict=False') from None
        checkpoint.clear()
        checkpoint.update(converted)
        self._norm_eps = apply_norm_eps(checkpoint, model)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Hand on the eps of the weights that the training started from."""
        if self._norm_eps is not None:
            checkpoint['meta']['layer_norm_eps'] = self._norm_eps


def repair_last_checkpoint(work_dir: str) -> None:
    """Write ``last_checkpoint`` anew if it names no file, and remove half-written files.

    Args:
        work_dir (str): Folder with ``epoch_*.pth``. Checkpoints there are whole, since they are
            written under a temporary name first.
    """
    folder = Path(work_dir)
    for leftover in folder.glob('.*.part.pth'):
        leftover.unlink(missing_ok=True)
    pointer = folder / 'last_checkpoint'
    if pointer.is_file() and Path(pointer.read_text(encoding='utf-8').strip() or '.').is_file():
        return
    epochs = {int(path.stem[6:]): path for path in folder.glob('epoch_*.pth')
              if path.stem[6:].isdigit()}
    if epochs:
        with atomic_write(pointer) as file:
            file.write(str(epochs[max(epochs)]))
    else:
        pointer.unlink(missing_ok=True)
