# SPDX-License-Identifier: Apache-2.0
"""Visualizer that turns the data sample of a video into a timeline picture."""

from typing import Optional

import numpy as np
from mmaction.registry import VISUALIZERS
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer
from mmengine.visualization.utils import tensor2ndarray

from ..utils.files import file_name


@VISUALIZERS.register_module()
class TALVisualizer(Visualizer):
    """Draws ground truth against predictions and hands the picture to the visual backends.

    Class names come from ``dataset_meta['classes']``, which the runner sets. All arguments
    are those of :class:`mmengine.visualization.Visualizer`.

    Example:
        >>> import torch
        >>> from mmaction.structures import ActionDataSample
        >>> from mmengine.structures import InstanceData
        >>> visualizer = TALVisualizer()
        >>> visualizer.dataset_meta = dict(classes=('run', 'jump'))
        >>> sample = ActionDataSample(metainfo=dict(duration=9.))
        >>> sample.pred_instances = InstanceData(
        ...     segments=torch.tensor([[1., 4.]]), scores=torch.tensor([.9]),
        ...     labels=torch.tensor([1]))
        >>> visualizer.add_datasample('video_1', sample).shape[2]  # RGB, uint8
        3
    """

    def add_datasample(
        self,
        name: str,
        data_sample: BaseDataElement,
        *,
        draw_gt: bool = True,
        draw_pred: bool = True,
        score_thr: float = 0.3,
        top_k: Optional[int] = None,
        show: bool = False,
        wait_time: float = 0.0,
        out_file=None,
        step: int = 0,
    ) -> np.ndarray:
        """Draw the timeline of one video.

        Args:
            name (str): Title of the picture and its name in the backends.
            data_sample (BaseDataElement): With ``pred_instances`` (``segments`` (M, 2) in
                seconds, ``scores`` (M,), ``labels`` (M,)) and in its metainfo ``duration``
                in seconds, ``gt_segments_sec`` (G, 2) and ``gt_segment_labels`` (G,). What is
                missing is not drawn.
            draw_gt (bool): Whether to draw the ground truth.
            draw_pred (bool): Whether to draw the predictions.
            score_thr (float): Least score of a prediction to draw.
            top_k (int | None): How many predictions to draw at most; None for all.
            show (bool): Whether to show the picture in a window.
            wait_time (float): How long to show it in seconds; 0 waits for a key.
            out_file (str | Path | None): Where to write the picture; the suffix names the format.
                If None it goes to the visual backends.
            step (int): Step under which the backends store it.

        Returns:
            ndarray: (H, W, 3) uint8 RGB image.
        """
        from .timeline import draw_timeline, figure_to_image, save_figure  # loads matplotlib

        meta = data_sample.metainfo
        pred = data_sample.get('pred_instances') if draw_pred else None
        fig = draw_timeline(
            meta.get('gt_segments_sec') if draw_gt else None,
            meta.get('gt_segment_labels') if draw_gt else None,
            *(
                (None,) * 3
                if pred is None
                else (tensor2ndarray(pred[key]) for key in ('segments', 'scores', 'labels'))
            ),
            duration=meta.get('duration'),
            classes=(self.dataset_meta or {}).get('classes'),
            title=name,
            score_thr=score_thr,
            top_k=top_k,
        )
        image = figure_to_image(fig)
        if show:
            self.show(image, win_name=name, wait_time=wait_time)
        if out_file is not None:
            save_figure(fig, out_file)
        else:
            self.add_image(file_name(name), image, step=step)
        return image
