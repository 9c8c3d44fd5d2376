# SPDX-License-Identifier: Apache-2.0
import json
from types import SimpleNamespace

import numpy as np
import pytest

from tmx_plugin.datasets import DataError, TALDataset
from tmx_plugin.engine.hooks import DataCheckHook
from tmx_plugin.errors import ConfigError
from tmx_plugin.features.storage import write_features


def runner(num_classes, classes, split):
    dataset = SimpleNamespace(metainfo={'classes': classes}, ann_file='data.json')
    model = SimpleNamespace(head=SimpleNamespace(num_classes=num_classes))
    return SimpleNamespace(
        cfg={}, model=model, **{f'{split}_dataloader': SimpleNamespace(dataset=dataset)}
    )


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_class_list_and_model_must_agree(split):
    check = getattr(DataCheckHook(), f'before_{split}')
    check(runner(2, ('a', 'b'), split))
    with pytest.raises(DataError, match=r'data.json: expected 3 classes .*, found 2 in the class'):
        check(runner(3, ('a', 'b'), split))


def test_models_and_datasets_that_do_not_say_are_left_alone():
    for num_classes, classes in ((None, ('a',)), (3, None)):
        DataCheckHook().before_train(runner(num_classes, classes, 'train'))
    with pytest.raises(DataError, match='expected 3 classes'):  # both say, and disagree
        DataCheckHook().before_train(runner(3, ('a',), 'train'))


def test_features_of_another_recipe_stop_the_run(tmp_path):
    (tmp_path / 'a.json').write_text(
        json.dumps(
            dict(
                database=dict(
                    v=dict(
                        subset='training',
                        duration=10.0,
                        fps=25.0,
                        annotations=[dict(label='x', segment=[1, 2])],
                    )
                )
            )
        )
    )
    info = dict(stride=4, clip_len=16, fps=25.0, recognizer='i3d_rgb+i3d_flow')
    write_features(tmp_path / 'v.npy', np.zeros((58, 8), np.float32), info)
    dataset = TALDataset(
        ann_file=str(tmp_path / 'a.json'),
        subset='training',
        feature_stride=4,
        offset_frames=8,
        data_prefix=dict(feats=str(tmp_path)),
    )
    recipe = dict(networks=['i3d_rgb', 'i3d_flow'], clip_len=16, stride=4)
    told = SimpleNamespace(
        cfg=dict(features=recipe),
        model=SimpleNamespace(neck=SimpleNamespace(in_channels=8)),
        train_dataloader=SimpleNamespace(dataset=dataset),
    )
    DataCheckHook().before_train(told)
    write_features(
        tmp_path / 'v.npy', np.zeros((58, 8), np.float32), dict(info, recognizer='slowfast_epic')
    )
    with pytest.raises(ConfigError, match='v.npy: features of another recipe .* slowfast_epic, 16'):
        DataCheckHook().before_train(told)
    told.cfg = {}
    DataCheckHook().before_train(told)
