# SPDX-License-Identifier: Apache-2.0
"""check_dataset.py --safe: settings of a config from elsewhere, of which nothing runs."""

import json

import pytest
from mmengine.config import Config

from tmx_plugin.engine.settings.safe import read_data_config
from tmx_plugin.errors import ConfigError


@pytest.fixture
def config(repo, tmp_path):
    """The synthetic config as plain data."""
    path = tmp_path / 'a.json'
    Config.fromfile(repo / 'configs' / 'temporalmaxer' / 'synthetic.py').dump(path)
    return path


@pytest.fixture
def check(forks, tmp_path):
    """Status and output of the check of a file."""

    def run(path):
        done = forks.run('tools/data/check_dataset.py', path, '--safe', cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    return run


def test_plain_data_is_checked(check, config):
    status, out = check(config)
    assert (status, 'no wrong settings found' in out) == (0, True), out


@pytest.mark.parametrize(
    'change, words',
    [
        (lambda cfg, marker: cfg['model'].update(type='os.system'), 'model.type'),
        (lambda cfg, marker: cfg.update(custom_imports=dict(imports=['evil'])), "found 'evil'"),
        (
            lambda cfg, marker: cfg['train_dataloader']['dataset']['pipeline'].append(
                dict(type='pathlib.Path.touch', self=str(marker))
            ),
            'pipeline',
        ),
    ],
)
def test_nothing_runs_and_the_type_is_named(check, config, tmp_path, change, words):
    content = json.loads(config.read_text())
    marker = tmp_path / 'marker'
    (tmp_path / 'evil.py').write_text(f'open({str(marker)!r}, "w")')
    change(content, marker)
    config.write_text(json.dumps(content))
    status, out = check(config)
    assert status == 1 and words in out, out
    assert not marker.exists()


@pytest.mark.parametrize(
    'name, text, words',
    [
        ('a.py', 'raise SystemExit', 'expected a .json config'),
        ('b.json', '[]', 'expected an object, found list'),
        ('b.json', '{"_base_": "x.py"}', 'found _base_'),
    ],
)
def test_what_could_run_is_not_read(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_data_config(tmp_path / name)
