# SPDX-License-Identifier: Apache-2.0
"""docs/versions.md and the distribution follow tmx_plugin/supported.py."""

import re
import subprocess
import sys
from importlib import metadata

import pytest

from tmx_plugin import supported


def table_rows(text):
    return [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in text.splitlines()
        if line.startswith('|')
    ]


def test_the_page_has_every_range(repo):
    rows = {
        row[0].split()[0]: row[1]
        for row in table_rows((repo / 'docs/versions.md').read_text())
        if len(row) == 2 and row[1].startswith('>=')
    }
    for name, (first, limit) in {'python': supported.PYTHON, **supported.RANGES}.items():
        assert rows[name] == f'>= {first}' + (f', < {limit}' if limit else ''), name


def test_the_page_has_every_stack(repo):
    rows = {row[0]: row[1:] for row in table_rows((repo / 'docs/versions.md').read_text())}
    for name, stack in supported.STACKS.items():
        no_deps = ' '.join(stack['no_deps'])
        assert rows[name] == [
            stack['python'],
            f'`{" ".join(stack["install"])}`',
            f'`{no_deps}`' if no_deps else '',
        ]


def test_nothing_is_required_that_would_overwrite_a_fork(repo):
    text = (repo / 'setup.py').read_text()
    required = re.search(r'install_requires=\[(.*?)\]', text, re.S)[1]
    assert 'mmaction2' in required and not re.search(r"'(mmengine|mmcv)", required)


@pytest.mark.parametrize(
    'arguments, words',
    [
        (('default', 'torch'), 'torch=='),
        (('default', 'python'), '3.'),
        (('newest', 'no_deps'), 'mmcv-lite=='),
    ],
)
def test_shell_scripts_can_ask(repo, arguments, words):
    out = subprocess.run(
        [sys.executable, repo / 'tmx_plugin/supported.py', *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert out.startswith(words) and out.count('\n') == 1


def test_this_environment_is_in_the_ranges():
    for name, (first, _) in supported.RANGES.items():
        names = {'mmcv': ('mmcv', 'mmcv-lite'), 'mmengine': ('mmengine', 'onedl-mmengine')}
        found = next(
            (
                metadata.version(each)
                for each in names.get(name, (name,))
                if each in {d.metadata['Name'] for d in metadata.distributions()}
            ),
            None,
        )
        assert found is not None, name
        numbers, least = (re.findall(r'\d+', version)[:2] for version in (found, first))
        assert [*map(int, numbers)] >= [*map(int, least)], name
