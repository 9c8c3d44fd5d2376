# SPDX-License-Identifier: Apache-2.0
"""tools/test.py, killed or on a full disk while it writes its results."""

import re

import pytest

pytestmark = pytest.mark.slow
TEST = (
    'test.py',
    'tiny.py',
    'A/epoch_2.pth',
    '--dump',
    'out.pkl',
    '--cfg-options',
    'test_evaluator.out_file=out.json',
)


@pytest.fixture(scope='module')
def whole(tools, trained):
    """Points of a test that nothing disturbed."""
    place = tools.place(copy=trained)
    out = tools.run(*TEST, cwd=place)
    assert out.status == 0, out.output[-2000:]
    assert all((place / name).stat().st_size > 0 for name in ('out.pkl', 'out.json'))
    return out.points


@pytest.mark.parametrize('name', ['out.pkl', 'out.json'])
@pytest.mark.parametrize('what,status', [('kill', -9), ('ENOSPC', 1)])
def test_results_are_whole_or_not_there(name, what, status, tools, trained, whole):
    temporary = f'.{name.split(".")[0]}.'
    points = [
        i
        for i, point in enumerate(whole)
        if point.startswith(f'open {temporary}') and f'.part.{name.split(".")[1]}' in point
    ]
    place = tools.place(copy=trained)
    out = tools.run(*TEST, cwd=place, target=points[-1], what=what)
    assert out.status == status and not (place / name).exists(), out.output[-2000:]
    if status == 1:
        last = out.output.strip().splitlines()[-1]
        assert re.search(
            rf'^test: could not write {name}: No space left on device; [\d.]+ MB are free', last
        )
        assert 'Traceback' not in out.output and not list(place.glob('.*.part*'))
