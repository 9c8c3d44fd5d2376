# SPDX-License-Identifier: Apache-2.0
"""Hook that draws the timelines of validation and test videos."""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from mmaction.registry import HOOKS
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from ..errors import ConfigError
from ..utils.files import file_name
from .tal_visualizer import TALVisualizer


@HOOKS.register_module()
class TALVisualizationHook(Hook):
    """Draws every ``interval``-th video in validation and testing.

    It is meant for ``default_hooks.visualization``, where MMAction2's ``tools/test.py``
    switches it on and sets its options by ``--show``, ``--show-dir``, ``--interval`` and
    ``--wait-time``. It needs ``visualizer=dict(type='TALVisualizer')``.

    Args:
        enable (bool): Whether to draw at all.
        interval (int): Every how many videos to draw one.
        show (bool): Whether to show each picture in a window.
        wait_time (float): How long to show it in seconds; 0 waits for a key.
        out_dir (str | None): Folder for the pictures, ``VIDEO.png`` in testing and
            ``VIDEO_STEP.png`` in validation. If None they go to the visual backends of the
            visualizer, in a distributed run those of the first process only.
        score_thr (float): Least score of a prediction to draw.
        top_k (int | None): How many predictions of a video to draw at most; None for all.

    Raises:
        ConfigError: If ``interval`` is less than 1.

    Example:
        >>> HOOKS.build(dict(type='TALVisualizationHook')).priority
        'NORMAL'
    """

    def __init__(
        self,
        enable: bool = False,
        interval: int = 1,
        show: bool = False,
        wait_time: float = 0.0,
        out_dir: Optional[str] = None,
        score_thr: float = 0.3,
        top_k: Optional[int] = None,
    ) -> None:
        if interval < 1:
            raise ConfigError(f'expected an interval of at least 1, found {interval}')
        self.enable = enable
        self.interval = interval
        self.out_dir = None if out_dir is None else Path(out_dir)
        self.draw_args = dict(show=show, wait_time=wait_time, score_thr=score_thr, top_k=top_k)
        self._seen = 0

    def before_run(self, runner: Runner) -> None:
        """Check that the runner has the visualizer this hook draws with.

        Raises:
            ConfigError: If it has another one.
        """
        if self.enable and not isinstance(runner.visualizer, TALVisualizer):
            raise ConfigError(
                "TALVisualizationHook needs visualizer=dict(type='TALVisualizer', ...) in the "
                f'configuration, found {type(runner.visualizer).__name__}'
            )

    def before_val_epoch(self, runner: Runner) -> None:
        """Count videos from 0 again."""
        self._seen = 0

    before_test_epoch = before_val_epoch

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch=None,
        outputs: Optional[Sequence[BaseDataElement]] = None,
    ) -> None:
        """Draw the videos of a validation batch under the epoch (or iteration) reached."""
        step = runner.epoch if runner.log_processor.by_epoch else runner.iter
        self._draw(runner, outputs, step, f'_{step}')

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch=None,
        outputs: Optional[Sequence[BaseDataElement]] = None,
    ) -> None:
        """Draw the videos of a test batch."""
        self._draw(runner, outputs, 0, '')

    def after_test_epoch(self, runner: Runner, metrics=None) -> None:
        """Say where the pictures are."""
        if self.enable and self.out_dir is not None:
            runner.logger.info(f'Timelines of the test videos are in {self.out_dir}')

    def _draw(self, runner, outputs, step, suffix) -> None:
        if not self.enable:
            return
        for data_sample in outputs or ():
            # The sampler deals the videos out to the processes in turn.
            index = self._seen * get_world_size() + get_rank()
            self._seen += 1
            if index % self.interval == 0:
                name = str(data_sample.metainfo.get('video_id', index))
                out_file = self.out_dir and self.out_dir / f'{file_name(name)}{suffix}.png'
                runner.visualizer.add_datasample(
                    name, data_sample, out_file=out_file, step=step, **self.draw_args
                )
