# SPDX-License-Identifier: Apache-2.0
import multiprocessing
import tempfile
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from tmx_plugin.engine.hooks.run_folder_hook import ended_workers


class Numbers:
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.zeros(100) + index


@pytest.mark.parametrize('end', [SystemExit(143), KeyboardInterrupt(), RuntimeError('x')])
@pytest.mark.parametrize('persistent', [False, True])
def test_workers_end_and_leave_no_folder(tmp_path, monkeypatch, persistent, end):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    loader = DataLoader(Numbers(), num_workers=1, persistent_workers=persistent)
    runner = SimpleNamespace(
        _train_loop=SimpleNamespace(dataloader=loader), _val_loop=None, _test_loop=None
    )

    def train():
        for batch in loader:
            if batch.max() == 2:
                assert list(tmp_path.glob('pymp-*')) and multiprocessing.active_children()
                raise end

    with pytest.raises(type(end)), ended_workers(runner):
        train()
    assert not list(tmp_path.glob('pymp-*')) and not multiprocessing.active_children()
