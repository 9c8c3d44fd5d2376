# SPDX-License-Identifier: Apache-2.0
"""The annotations of the training, counted for the prior of the model."""

import torch
from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from tmx_plugin.datasets.inspection import unwrap


@HOOKS.register_module()
class ClassPriorHook(Hook):
    """Estimate ``model.head.class_prior`` from the annotations of the training, where there is one.

    Before the training, also a resumed one; testing takes what the checkpoint holds. Videos that
    training leaves out, such as those without annotations, are not counted.

    Example:
        >>> HOOKS.build(dict(type='ClassPriorHook')).priority
        'ABOVE_NORMAL'
    """

    # Before EMAHook (NORMAL), which copies the weights and buffers that it is given.
    priority = 'ABOVE_NORMAL'

    def before_train(self, runner) -> None:
        """Count the instances of the training set.

        Raises:
            ConfigError: There is no video.
        """
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        head = getattr(model, 'head', None)
        if head is None or getattr(head, 'class_prior', None) is None:
            return
        infos = [
            dataset.get_data_info(i)
            for dataset in unwrap(runner.train_dataloader.dataset)
            for i in range(len(dataset))
        ]
        labels = [torch.as_tensor(info['labels']) for info in infos]
        counts = [x.bincount(minlength=head.num_classes) for x in labels]
        instances = [torch.zeros(0, 3, dtype=torch.float64)]
        for info, label in zip(infos, labels):
            start, end = torch.as_tensor(info['segments_sec']).double().reshape(-1, 2).unbind(1)
            centre = (start + end) / 2 / info['duration']
            instances.append(torch.stack((label.double(), centre, end - start), 1))
        table = torch.stack(counts) if counts else torch.zeros(0, head.num_classes)
        head.class_prior.fit(table, torch.cat(instances))
