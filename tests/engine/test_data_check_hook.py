# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest

from tmx_plugin.datasets import DataError
from tmx_plugin.engine.hooks import DataCheckHook


def runner(num_classes, classes, split):
    dataset = SimpleNamespace(metainfo={'classes': classes}, ann_file='data.json')
    return SimpleNamespace(model=SimpleNamespace(head=SimpleNamespace(num_classes=num_classes)),
                           **{f'{split}_dataloader': SimpleNamespace(dataset=dataset)})


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_class_list_and_model_must_agree(split):
    check = getattr(DataCheckHook(), f'before_{split}')
    check(runner(2, ('a', 'b'), split))
    with pytest.raises(DataError, match=r'data.json: expected 3 classes .*, found 2 in the class'):
        check(runner(3, ('a', 'b'), split))


def test_models_and_datasets_that_do_not_say_are_left_alone():
    silent = runner(None, ('a',), 'train')
    DataCheckHook().before_train(silent)
    silent = runner(3, None, 'train')
    DataCheckHook().before_train(silent)
