# SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.config import Config

from tmx_plugin.errors import ConfigError
from tmx_plugin.features.recipe import FeatureRecipe

TWO_STREAM = FeatureRecipe(('i3d_rgb', 'i3d_flow'), clip_len=16, stride=4)
SIDE = dict(recognizer='i3d_rgb+i3d_flow', clip_len=16, stride=4, resampled_to=None, fps=25)


@pytest.mark.parametrize(
    'name, networks, rest',
    [
        ('thumos_i3d', ('i3d_rgb', 'i3d_flow'), (16, 4, None, 'tvl1')),
        ('multithumos_i3d', ('i3d_rgb', 'i3d_flow'), (16, 4, None, 'tvl1')),
        ('multithumos_i3d_rgb', ('i3d_rgb',), (16, 4, None, None)),
        ('epic_kitchens_slowfast_noun', ('slowfast_epic',), (32, 16, 30, None)),
        ('epic_kitchens_slowfast_verb', ('slowfast_epic',), (32, 16, 30, None)),
    ],
)
def test_configs_say_what_their_features_are(name, networks, rest, repo):
    cfg = Config.fromfile(repo / f'configs/temporalmaxer/{name}.py')
    recipe = FeatureRecipe.from_config(cfg)
    assert recipe.networks == networks
    assert (recipe.clip_len, recipe.stride, recipe.fps, recipe.flow) == rest
    from mmaction.registry import DATASETS

    dataset = DATASETS.build(dict(cfg.test_dataloader.dataset, lazy_init=True, _scope_='mmaction'))
    assert dataset.feature_stride == recipe.stride
    assert dataset.offset_frames == recipe.clip_len / 2
    assert dataset.fps == recipe.fps


def test_config_without_features_has_no_recipe(repo):
    assert FeatureRecipe.from_config(dict()) is None
    with pytest.raises(ConfigError, match='expected networks, clip_len'):
        FeatureRecipe.from_config(dict(features=dict(networks=['i3d_rgb'], clips=4)))


@pytest.mark.parametrize(
    'change',
    [
        dict(recognizer='slowfast_epic'),
        dict(recognizer='i3d_flow+i3d_rgb'),
        dict(clip_len=8),
        dict(stride=8),
        dict(recognizer='i3d_rgb'),
    ],
)
def test_features_of_another_recipe_are_refused_with_both_named(change):
    TWO_STREAM.check(SIDE, 'a.npy')
    with pytest.raises(ConfigError, match='a.npy: features of another recipe') as error:
        TWO_STREAM.check({**SIDE, **change}, 'a.npy')
    assert str(TWO_STREAM) in str(error.value)
    name = change.get('recognizer', 'i3d_rgb+i3d_flow').replace('+', ' + ')
    assert f'these are {name}, ' in str(error.value)


def test_rate_counts_where_the_recipe_has_one():
    epic = FeatureRecipe(('slowfast_epic',), clip_len=32, stride=16, fps=30)
    side = dict(recognizer='slowfast_epic', clip_len=32, stride=16, resampled_to=30, fps=30)
    epic.check(side, 'a.npy')
    with pytest.raises(ConfigError, match='at 30 frames a second; these are .* at 50 frames'):
        epic.check({**side, 'fps': 50, 'resampled_to': 50}, 'a.npy')


def test_rgb_half_of_two_streams_serves_a_model_of_rgb():
    rgb = FeatureRecipe(('i3d_rgb',), clip_len=16, stride=4)
    rgb.check(SIDE, 'a.npy', first_channels=True)
    with pytest.raises(ConfigError):
        rgb.check(SIDE, 'a.npy')


def test_features_without_a_named_recognizer_pass():
    TWO_STREAM.check({}, 'a.npy')
    TWO_STREAM.check(dict(stride=4), 'a.npy')
