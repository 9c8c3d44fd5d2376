# SPDX-License-Identifier: Apache-2.0
"""Tools on real disks that are full or read-only, under a limit on files, and without their folder.

TMX_ALL_POINTS=1 (``make fuzz``) tries all tools on small disks; the suite limits files alone.
"""

import os
import re
import shutil

import pytest
import tool_runs

from tmx_plugin.engine.resume import check_resumable
from tmx_plugin.models.checkpoint import load_checkpoint_file

pytestmark = pytest.mark.slow
ALL = bool(os.environ.get('TMX_ALL_POINTS'))

NAMES = ('train', 'test', 'extract', 'infer', 'report', 'tested report', 'convert', 'synthetic')
#: Of the suite: the case, and the most bytes of a file.
LIMITED = [('extract', 500), ('report', 20_000), ('convert', 20), ('synthetic', 5000)]
FREE = r'; [\d.]+ MB are free on its disk'
REASONS = {
    'small': f'No space left on device{FREE}',
    'limited': f'File too large{FREE}',
    'read-only': f'Read-only file system{FREE}',
    'removed': f'(No such file or directory|Not a directory|File exists){FREE}',
}
SIZES = 8


def wrongs(name, out, place, expected, kind):
    """What is wrong with the end of a run that could not write all."""
    wrong = [] if out.status in (1, 2) else [f'status {out.status}']
    wrong += ['a traceback'] if 'Traceback' in out.output else []
    said = re.findall(r'.*(?:could not write|FAILED).*', out.output)
    if not any(re.search(REASONS[kind], line) for line in said):
        wrong.append(f'words {out.output[-300:]}')
    if name == 'train' and not re.search(
        'the last good checkpoint is out/|there is no checkpoint yet', out.output
    ):
        wrong.append(f'no word on the last good checkpoint: {out.output[-300:]}')
    wrong += [f'{path.name} is left' for path in place.rglob('.*.part*')]
    for file, digest in tool_runs.left(place).items():
        if name != 'train' and digest != expected.get(file):
            wrong.append(f'{file} is not whole')
        if name == 'train' and file.endswith('.pth') and 'best' not in file:
            check_resumable(load_checkpoint_file(place / file), file)
    return [f'{name} {kind}: {each}' for each in wrong]


@pytest.fixture(scope='module')
def room(tools, trained):
    """A folder with all that the tools read."""
    place = tools.place(copy=trained)
    tool_runs.furnish(place)
    return place


@pytest.mark.parametrize('name,limit', LIMITED)
def test_a_limit_on_files_is_a_sentence(name, limit, tools, room):
    place = tools.place(copy=room)
    out = tools.run(*tool_runs.RUNS[name], cwd=place, disk=dict(file_limit=limit))
    again = tools.place(copy=room)
    tools.run(*tool_runs.RUNS[name], cwd=again)
    assert wrongs(name, out, place, tool_runs.left(again), 'limited') == []


def tries(whole, size, points):
    """(kind, arguments of the run) of all that is done to a tool."""
    pages = max(size // 4096, 1)
    small = sorted({max(pages * i // SIZES, 1) for i in range(1, SIZES)})
    yield from (('small', dict(disk=dict(size=f'{4 * n}k'))) for n in small if n < pages)
    largest = max(whole.values())
    yield from (
        ('limited', dict(disk=dict(file_limit=max(largest * i // 4, 1)))) for i in range(1, 4)
    )
    yield 'read-only', dict(disk=dict(size='64m', read_only=True))
    renamed = [i for i, point in enumerate(points) if point.startswith('os.rename out/')]
    yield from (('removed', dict(what='remove', target=i)) for i in renamed)


@pytest.mark.skipif(not ALL, reason='set TMX_ALL_POINTS=1 to try real disks (make fuzz)')
@pytest.mark.parametrize('name', NAMES)
def test_disks_that_cannot_hold_what_is_written(name, mounting_tools, room):
    run = tool_runs.RUNS[name]
    place = mounting_tools.place(copy=room)
    whole = mounting_tools.run(*run, cwd=place, disk=dict(size='64m'))
    assert whole.status == 0, whole.output[-2000:]
    expected = tool_runs.left(place)
    sizes = {path: path.stat().st_size for path in (place / 'out').rglob('*') if path.is_file()}
    size = sum(-(-each // 4096) * 4096 for each in sizes.values())
    wrong, counts = [], {}
    for kind, options in tries(sizes, size, whole.points):
        place = mounting_tools.place(copy=room)
        out = mounting_tools.run(*run, cwd=place, **options)
        found = [f'{options}: {each}' for each in wrongs(name, out, place, expected, kind)]
        counts[kind] = counts.get(kind, 0) + 1
        wrong += found
        shutil.rmtree(place)
    print(f'{name}: {counts}, {len(wrong)} wrong')
    assert not wrong, '\n'.join(wrong)
