# SPDX-License-Identifier: Apache-2.0
"""tools/analysis/get_flops.py against counts by hand."""

import pytest
from tool_modules import load_module


@pytest.fixture(scope='module')
def tool(repo):
    return load_module(repo / 'tools' / 'analysis' / 'get_flops.py')


def test_published_sizes(tool, capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '100')
    assert tool.main(['thumos_i3d']) == 0
    text = capsys.readouterr().out
    # Embedding at 2304 steps; towers and outputs at 4536 points and the 5 gaps between levels.
    neck = 3 * 2304 * (2048 * 512 + 512 * 512)
    head = 3 * (4536 + 5) * (4 * 512 * 512 + 512 * 22)
    assert f'{neck / 1e9:.2f} G' in text
    assert f'{head / 1e9:.2f} G' in text
    assert f'{(neck + head) / 1e9:.2f} G' == '23.50 G'
    assert '7,117,852' in text and '23.50 G' in text


def test_options(tool, capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '100')
    tool.main(
        [
            'thumos_i3d',
            '--length',
            '64',
            '--cfg-options',
            'model.neck.in_channels=8',
            'model.neck.out_channels=4',
            'model.head.in_channels=4',
        ]
    )
    neck = 3 * (8 * 4 + 4 * 4) + 4 * 4  # weights of two blocks, weights and biases of their norms
    assert f' {neck} ' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        tool.main(['thumos_i3d', '--length', '0'])
