# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from mmaction.registry import DATASETS
from mmengine.config import Config

from tmx_plugin.datasets.feature_spec import FeatureSpec
from tmx_plugin.errors import ConfigError

CONFIGS = sorted(Path(__file__).parents[2].glob('configs/temporalmaxer/*.py'))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_the_config_says_the_same_as_the_data_set_built_from_it(path):
    settings = Config.fromfile(path).test_dataloader.dataset
    dataset = DATASETS.build(dict(settings, lazy_init=True, _scope_='mmaction'))
    spec = FeatureSpec.from_config(settings)
    assert spec == dataset.spec
    assert (dataset.feature_stride, dataset.channels) == (spec.feature_stride, spec.channels)


def test_defaults_of_the_class_are_those_of_its_constructor():
    spec = FeatureSpec.from_config(dict(type='EpicKitchens100Dataset', channels=[0, 64]))
    assert spec == FeatureSpec(16, offset_frames=16, fps=30, channels=(0, 64))
    assert spec.from_first_channel


@pytest.mark.parametrize(
    'wrong, message',
    [
        (dict(), 'feature_stride'),
        (dict(feature_stride=0), 'feature_stride must be positive'),
        (dict(feature_stride=4, fps=-1), 'fps must be positive'),
        (dict(feature_stride=4, layout='c'), 'layout must be'),
        (dict(feature_stride=4, channels=[1]), 'two numbers LOW, HIGH'),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ConfigError, match=message):
        FeatureSpec.from_config(dict(wrong, type='TALDataset'))
