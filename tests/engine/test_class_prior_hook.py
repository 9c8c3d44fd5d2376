# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import RepeatDataset

from tmx_plugin.datasets import TALDataset
from tmx_plugin.engine.hooks import ClassPriorHook
from tmx_plugin.models.heads import TemporalMaxerHead
from tmx_plugin.models.task_modules.class_prior import count_weights

VIDEOS = {'u': [('x', 1, 3), ('y', 4, 6)], 'v': [('x', 5, 7), ('x', 8, 9)]}


@pytest.fixture
def dataset(tmp_path):
    import json

    import numpy as np

    database = {
        name: dict(
            subset='training',
            duration=10.0,
            fps=25.0,
            annotations=[dict(label=label, segment=[a, b]) for label, a, b in rows],
        )
        for name, rows in VIDEOS.items()
    }
    (tmp_path / 'a.json').write_text(json.dumps(dict(database=database)))
    for name in VIDEOS:
        np.save(tmp_path / f'{name}.npy', np.zeros((58, 8), np.float32))
    return TALDataset(
        ann_file=str(tmp_path / 'a.json'),
        subset='training',
        feature_stride=4,
        offset_frames=8,
        data_prefix=dict(feats=str(tmp_path)),
    )


def head(**kwargs):
    return TemporalMaxerHead(
        num_classes=2, in_channels=4, feat_channels=4, regression_ranges=[(0, 99)], **kwargs
    )


def test_counts_of_the_training_set(dataset):
    model = SimpleNamespace(head=head(class_prior=dict(type='ClassPrior', max_count=3)))
    runner = SimpleNamespace(
        model=model, train_dataloader=SimpleNamespace(dataset=RepeatDataset(dataset, 5))
    )
    ClassPriorHook().before_train(runner)
    prior = model.head.class_prior
    expected = count_weights(torch.tensor([[1, 1], [2, 0]]), 3)
    torch.testing.assert_close(prior.count_weights, expected.float())
    # The centres of x are at 0.2, 0.6 and 0.85 of the video, that of y at 0.5.
    assert prior.log_density[1].argmax() == 50
    assert prior.log_density[0, 20] > 0 > prior.log_density[0, 40]
    assert prior.length_precision.min() > 0


def test_models_without_a_prior_are_left_alone():
    ClassPriorHook().before_train(SimpleNamespace(model=SimpleNamespace(head=head())))
    ClassPriorHook().before_train(SimpleNamespace(model=SimpleNamespace()))
    assert not [key for key in head().state_dict() if 'prior' in key]
