# SPDX-License-Identifier: Apache-2.0
"""Every tool that writes files, killed or out of space at its file operations.

TMX_ALL_POINTS=1 (``make fuzz``) tries all points of all tools instead of one point of some.
"""

import os
import re
import shutil

import pytest
import tool_runs

pytestmark = pytest.mark.slow
ALL = bool(os.environ.get('TMX_ALL_POINTS'))

#: What the suite tries: the moment when a file is written and does not have its name yet.
SAMPLE = {
    'synthetic': 'os.rename out/annotations/.synthetic.',
    'extract': 'os.rename out/.w.',
    'infer': 'os.rename out/.predictions.label-studio.',
    'report': 'os.rename out/.report.',
    'convert': 'os.rename out/.classes.',
    'released': 'os.rename .out.',
    'per class': 'os.rename out/.predictions.',
    'logs': 'os.rename .out.',
}
SENTENCE = r'could not write \S+: No space left on device; [\d.]+ MB are free on its disk'


@pytest.fixture(scope='module')
def room(tools, trained):
    """A folder with all that the tools read."""
    place = tools.place(copy=trained)
    tool_runs.furnish(place)
    return place


@pytest.fixture
def case(tools, room):
    """Runs a case in a folder of its own, which is removed at the end."""
    places = []

    def run(name, target=None, what='kill', place=None):
        if place is None:
            places.append(tools.place(copy=room))
        out = tools.run(*tool_runs.RUNS[name], cwd=place or places[-1], target=target, what=what)
        out.place = place or places[-1]
        out.files = tool_runs.left(out.place)
        return out

    yield run
    for place in places:
        shutil.rmtree(place)


def unfinished(place):
    """What a run left under temporary names."""
    return [path.name for path in place.rglob('.*.part*')]


def wrongs_when_killed(case, name, target, expected=None):
    """Kill a run and repeat it: what is half-written, and what the second run did not make good."""
    killed = case(name, target)
    if killed.status != -9:
        return [f'{name} {target}: ended with {killed.status} instead of being killed']
    again = case(name, place=killed.place)
    if again.status != 0:
        return [f'{name} {target}: run again, it ended with {again.status}: {again.output[-300:]}']
    expected = expected or again.files
    wrong = [file for file, digest in killed.files.items() if digest != expected[file]]
    return [f'{name} {target}: {file} is not whole' for file in wrong] + (
        [f'{name} {target}: run again, it left other files']
        if again.files != expected or [*killed.place.glob('out*/*.partial.jsonl')]
        else []
    )


def wrongs_when_full(case, name, target, expected):
    """Let the disk be full from a point on: status, sentence, and what is half-written."""
    out = case(name, target, 'ENOSPC')
    wrong = [] if out.status in (1, 2) else [f'status {out.status}']
    wrong += [] if re.search(SENTENCE, out.output) else [f'words {out.output[-300:]}']
    wrong += ['a traceback'] if 'Traceback' in out.output else []
    wrong += [f'{file} is left' for file in unfinished(out.place)]
    wrong += [f'{file} is not whole' for file in out.files if out.files[file] != expected.get(file)]
    return [f'{name} {target}: {each}' for each in wrong]


@pytest.mark.skipif(ALL, reason='all points are tried')
@pytest.mark.parametrize('name', SAMPLE)
def test_killed_before_a_file_gets_its_name(name, case):
    assert wrongs_when_killed(case, name, SAMPLE[name]) == []


@pytest.mark.skipif(not ALL, reason='set TMX_ALL_POINTS=1 to try all points (make fuzz)')
@pytest.mark.parametrize('name', tool_runs.RUNS)
def test_killed_and_full_at_every_point(name, case):
    whole = case(name)
    assert whole.status == 0 and whole.files, whole.output[-2000:]
    wrong = []
    for target in range(len(whole.points)):
        wrong += wrongs_when_killed(case, name, target, whole.files)
    opened = [i for i, point in enumerate(whole.points) if point.startswith('open ')]
    for target in opened:
        wrong += wrongs_when_full(case, name, target, whole.files)
    print(f'{name}: {len(whole.points)} kills, {len(opened)} full disks, {len(wrong)} wrong')
    assert not wrong, '\n'.join(wrong)
