# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from tool_modules import load_module


@pytest.fixture
def tool(repo):
    path = repo / 'tools/analysis/plot_logs.py'
    return load_module(path)


def write_log(folder, entries):
    path = folder / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, entries)))
    return path


@pytest.fixture
def run(tmp_path):
    """Two epochs of 4 iterations, stopped in the second and resumed from the first."""
    folder = tmp_path / 'run'
    write_log(
        folder / '20260101_000000',
        [
            dict(loss=4.0, lr=0.1, epoch=1, iter=2, step=2),
            dict(loss=3.0, lr=0.1, epoch=1, iter=4, step=4),
            dict(average_mAP=10.0, **{'mAP@0.5': 9.0}, step=1),
            dict(loss=99.0, lr=0.1, epoch=2, iter=6, step=6),
        ],
    )
    write_log(
        folder / '20260101_000001',
        [
            dict(loss=2.0, lr=0.1, epoch=2, iter=6, step=6),
            dict(loss=1.0, lr=0.1, epoch=2, iter=8, step=8),
            dict(average_mAP=20.0, **{'mAP@0.5': 19.0}, step=2),
        ],
    )
    return folder


def test_parts_of_a_resumed_run_are_put_together(tool, run):
    curves = tool.read_run(run)
    assert curves['loss'] == [(0.5, 4.0), (1.0, 3.0), (1.5, 2.0), (2.0, 1.0)]
    assert curves['average_mAP'] == [(1, 10.0), (2, 20.0)]


def test_the_picture_is_drawn(tool, run, tmp_path, capsys):
    out = tmp_path / 'curves.png'
    assert tool.main([str(run), '--out', str(out)]) == 0
    assert out.read_bytes().startswith(b'\x89PNG')
    assert capsys.readouterr().out.splitlines() == [
        f'{run}: best average_mAP 20.00 at epoch 2',
        str(out),
    ]


@pytest.mark.parametrize('args,word', [(['--keys', 'los'], 'loss'), ([], 'scalars.json')])
def test_errors_say_what_there_is(tool, run, tmp_path, capsys, args, word):
    assert tool.main([str(run if args else tmp_path), *args]) == 1
    assert word in capsys.readouterr().err
