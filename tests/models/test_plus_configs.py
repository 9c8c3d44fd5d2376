# SPDX-License-Identifier: Apache-2.0
"""The plus model: what it adds to the published one, and where it is used."""

import pytest
from mmaction.registry import MODELS
from mmengine.config import Config

PUBLISHED = [
    'thumos_i3d',
    'multithumos_i3d',
    'multithumos_i3d_rgb',
    'epic_kitchens_slowfast_noun',
    'epic_kitchens_slowfast_verb',
]


def added(config, base):
    """Settings of the head that the config has and its base lacks; all else must be equal."""
    config, base = (dict(cfg) for cfg in (config, base))
    head, plain = config.pop('head'), base.pop('head')
    assert config == base
    assert {key: head[key] for key in plain} == plain
    return {key: value for key, value in head.items() if key not in plain}


@pytest.fixture
def plus(repo):
    folder = repo / 'configs' / '_base_' / 'models'
    return added(
        Config.fromfile(folder / 'temporal_maxer_plus.py').model,
        Config.fromfile(folder / 'temporal_maxer.py').model,
    )


@pytest.mark.parametrize('name', PUBLISHED)
def test_a_sibling_is_the_published_config_with_the_additions(repo, plus, name):
    folder = repo / 'configs' / 'temporalmaxer'
    path = folder / f'{name}_plus.py'
    sibling, published = Config.fromfile(path), Config.fromfile(folder / f'{name}.py')
    assert added(sibling.model, published.model) == plus and plus
    rest = [{k: v for k, v in cfg.items() if k != 'model'} for cfg in (sibling, published)]
    assert rest[0] == rest[1]
    assert 'Unverified' in path.read_text()


def test_own_data_get_the_additions(repo, plus):
    model = Config.fromfile(repo / 'configs' / 'temporalmaxer' / 'custom.py').model
    assert {key: model.head[key] for key in plus} == plus


def test_no_parameter_is_added(repo):
    folder = repo / 'configs' / 'temporalmaxer'
    counts = [
        sum(
            p.numel()
            for p in MODELS.build(Config.fromfile(folder / f'{name}.py').model).parameters()
        )
        for name in ('thumos_i3d', 'thumos_i3d_plus')
    ]
    assert counts[0] == counts[1]
