# SPDX-License-Identifier: Apache-2.0
"""Same numbers as the public reference, from features to mAP."""

import pytest
from measurements.golden import GoldenModel
from measurements.parity_model import network_differences
from tool_modules import load_module


def parity_tool(repo):
    return load_module(repo / 'tools/analysis/parity.py')


def check(folder, repo, least_rows):
    rows = parity_tool(repo).largest_differences(folder, repo / 'configs')
    assert len(rows) >= least_rows
    wrong = [row for row in rows if not row.value <= row.limit]
    assert not wrong, '\n'.join(map(str, wrong))


def test_committed_selection(repo):
    check(repo / 'tests/data/golden', repo, least_rows=35)


@pytest.mark.slow
def test_all_measured_numbers(golden_dir, repo):
    assert len(list(golden_dir.glob('model_*.npz'))) == 15
    check(golden_dir, repo, least_rows=35)


def test_a_wrong_model_is_noticed(repo):
    golden = GoldenModel.load(repo / 'tests/data/golden/model_thumos_i3d_s0.npz')
    model = golden.build(repo / 'configs')
    model.neck.embed[0].norm.eps = 1e-3
    assert any(row.value > row.limit for row in network_differences(golden, model))


def test_folder_without_numbers(repo, tmp_path):
    with pytest.raises(FileNotFoundError, match='holds none of'):
        parity_tool(repo).largest_differences(tmp_path, repo / 'configs')
