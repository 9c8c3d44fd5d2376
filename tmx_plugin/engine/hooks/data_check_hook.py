# SPDX-License-Identifier: Apache-2.0
"""What must hold between data and model, which neither can check alone."""

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from tmx_plugin.datasets import TALDataset
from tmx_plugin.datasets.checks import (
    class_count_findings,
    read_all,
    report_findings,
    width_findings,
)
from tmx_plugin.datasets.inspection import unwrap
from tmx_plugin.datasets.side_file import read_side_file
from tmx_plugin.features.recipe import FeatureRecipe


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Stop before the first step where the class list or the features do not fit the model.

    Features whose side files name other networks than ``features`` of the config are refused, too.

    A model with too few classes would fail at the first label beyond them, one with too many
    would train classes that have no name.

    Example:
        >>> custom_hooks = [dict(type='DataCheckHook')]
        >>> HOOKS.build(custom_hooks[0]).priority
        'VERY_HIGH'
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner) -> None:
        """Compare the data of the training with the model."""
        self._check(runner, runner.train_dataloader)

    def before_val(self, runner) -> None:
        """Compare the data of the validation with the model."""
        self._check(runner, runner.val_dataloader)

    def before_test(self, runner) -> None:
        """Compare the data of the test with the model."""
        self._check(runner, runner.test_dataloader)

    @staticmethod
    def _check(runner, dataloader) -> None:
        """Compare a data loader's classes and width of features with the model's.

        Raises:
            DataError: If they differ.
            ConfigError: If features were made with another recipe than the model's.
        """
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        num_classes = getattr(getattr(model, 'head', None), 'num_classes', None)
        classes = getattr(dataloader.dataset, 'metainfo', {}).get('classes')
        if num_classes is not None and classes:
            report_findings(
                class_count_findings(classes, num_classes),
                getattr(dataloader.dataset, 'ann_file', 'the dataset'),
            )
        in_channels = getattr(getattr(model, 'neck', None), 'in_channels', None)
        recipe = FeatureRecipe.from_config(runner.cfg)
        for dataset in unwrap(dataloader.dataset):
            if not isinstance(dataset, TALDataset):
                continue
            if recipe is not None:
                _check_recipe(recipe, dataset)
            # One video will do: the dataset itself compares the widths of its files.
            facts = read_all([dataset.get_data_info(0)], layout=dataset.spec.layout, values=False)
            findings = width_findings(facts, in_channels, dataset.spec.channels)
            report_findings(findings, dataset.ann_file)


def _check_recipe(recipe: FeatureRecipe, dataset: TALDataset) -> None:
    """Compare the recipe with the side files of all videos."""
    for number in range(len(dataset)):
        paths = dataset.get_data_info(number)['feature_paths']
        if len(paths) == 1:  # of several files each holds a part of the features
            recipe.check(
                read_side_file(paths[0]) or {},
                paths[0],
                first_channels=dataset.spec.from_first_channel,
            )
