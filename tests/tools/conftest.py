# SPDX-License-Identifier: Apache-2.0
"""The analysis tools, and small predictions and annotations for them."""

import pytest
from report_files import write
from tool_modules import load_module


@pytest.fixture(scope='module')
def tools(repo):
    def load(name):
        return load_module(repo / f'tools/analysis/{name}.py')

    return {name: load(name) for name in ('report', 'plot_timeline')}


@pytest.fixture
def files(tmp_path):
    """Two validation videos and a training one; names that HTML and matplotlib could misread."""

    def item(label, start, end, **more):
        return dict(label=label, segment=[start, end], **more)

    jump = '<b>jump & $run$</b>'
    database = {
        'a/1': dict(
            subset='Validation',
            duration=40.0,
            annotations=[item(jump, 0, 10), item('sit', 20, 30), item('Ambiguous', 5, 6)],
        ),
        'b': dict(subset='Validation', duration=20.0, annotations=[item(jump, 5, 9)]),
        'c': dict(subset='training', duration=20.0, annotations=[item('walk', 5, 9)]),
    }
    results = {
        'a/1': [
            item(jump, 0, 10, score=0.9),
            item('sit', 20, 28, score=0.8),
            item('unknown', 0, 1, score=0.7),
        ],
        'b': [item(jump, 12, 18, score=0.95)],
    }
    return (
        write(tmp_path / 'p.json', dict(results=results)),
        write(tmp_path / 'a.json', dict(database=database)),
    )
