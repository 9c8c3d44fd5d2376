# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold after a power cut, by a model of it, while checkpoints are saved.

The model loses all data that were not synced, and of the names that were made, changed or removed
since the folder was synced any may be lost while later ones stay.
"""

import io
import os
from collections import deque
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tmx_plugin.engine.file_backend import AtomicBackend
from tmx_plugin.engine.hooks import AtomicCheckpointHook
from tmx_plugin.engine.hooks.save_hook import DeferredRemoval
from tmx_plugin.engine.work_dir import POINTER, newest_whole


class Disk:
    """Records what is done to the files of one folder."""

    def __init__(self, folder, monkeypatch, syncs=True):
        self.folder, self.events, self.syncs = Path(folder), [], syncs
        for name in ('fsync', 'replace', 'unlink', 'remove'):
            monkeypatch.setattr(os, name, self.watched(name, getattr(os, name)))

    def watched(self, name, original):
        def call(*args, **kwargs):
            result = original(*args, **kwargs)
            if name == 'fsync':
                path = Path(os.readlink(f'/proc/self/fd/{args[0]}'))
                if self.syncs and path == self.folder:
                    self.events.append(('sync folder',))
                elif self.syncs and path.parent == self.folder:
                    self.events.append(('sync', path.name, path.read_bytes()))
            elif Path(args[0]).parent == self.folder:
                names = [Path(arg).name for arg in args[: 2 if name == 'replace' else 1]]
                self.events.append(('rename' if name == 'replace' else 'remove', *names))
            return result

        return call

    def after_a_cut(self):
        """(number of the event before the cut, content by final name) of all states."""
        safe = {}
        data, pending = {}, []
        for number, event in enumerate(self.events):
            if event[0] == 'sync folder':
                safe, pending = applied(safe, pending), []
            elif event[0] == 'sync':
                data[event[1]] = event[2]
            else:
                content = data.pop(event[1], b'') if event[0] == 'rename' else None
                pending.append((event[-1], content))
            for size in range(len(pending) + 1):
                for chosen in combinations(pending, size):
                    yield number, applied(safe, chosen)


def applied(names, changes):
    """Names with what was made of them; one whose content is None is gone."""
    names = {**names, **dict(changes)}
    return {name: content for name, content in names.items() if content is not None}


def save_three(folder, keep):
    """Save three checkpoints as a training does, of which some are kept."""
    backend, info = AtomicBackend(), {}

    def save_checkpoint(out_dir, name, *args, **kwargs):
        step = int(name.split('_')[1].split('.')[0])
        file = io.BytesIO()
        torch.save(
            dict(
                state_dict=dict(a=torch.full((3,), float(step))),
                optimizer={},
                meta=dict(epoch=step, iter=step),
                message_hub=dict(log_scalars={}, runtime_info={}, resumed_keys={}),
            ),
            file,
        )
        backend.put(file.getvalue(), os.path.join(out_dir, name))

    hub = SimpleNamespace(update_info=info.__setitem__)
    runner = SimpleNamespace(work_dir=str(folder), message_hub=hub, save_checkpoint=save_checkpoint)
    hook = AtomicCheckpointHook(max_keep_ckpts=keep)
    hook.out_dir, hook.file_backend = str(folder), DeferredRemoval(backend, str(folder))
    hook.filename_tmpl, hook.args, hook.keep_ckpt_ids = 'epoch_{}.pth', {}, deque()
    for step in (1, 2, 3):
        hook._save_checkpoint_with_step(runner, step, {})


def faults(disk, folder):
    """What is wrong with the states that a cut may leave: half-written files, a lost checkpoint."""
    found, saved = [], 0
    for number, names in disk.after_a_cut():
        event = disk.events[number]
        if event == ('sync folder',) and disk.events[number - 1][-1].startswith('epoch_'):
            saved = max(saved, 1)
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, content in names.items():
            (folder / name).write_bytes(content)
            found += [f'{name} is empty after {event}'] * (not content)
        said = []
        best = newest_whole(folder, said.append)
        found += [f'no whole checkpoint after {event}'] * (saved and best is None)
        found += [f'{line} after {event}' for line in said]
    return found


@pytest.mark.parametrize('keep', [1, 2, -1])
def test_every_state_after_a_cut_can_be_gone_on_from(tmp_path, monkeypatch, keep):
    folder = tmp_path / 'run'
    folder.mkdir()
    with monkeypatch.context() as patch:
        disk = Disk(folder, patch)
        save_three(folder, keep)
    renamed = {event[-1] for event in disk.events if event[0] == 'rename'}
    assert renamed == {'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', POINTER}
    assert len(list(disk.after_a_cut())) > 20
    assert faults(disk, tmp_path / 'after') == []
    kept = sorted(path.name for path in folder.glob('*.pth'))
    assert kept == ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth'][-keep if keep > 0 else 0 :]


def test_the_model_finds_what_is_not_synced(tmp_path, monkeypatch):
    folder = tmp_path / 'run'
    folder.mkdir()
    with monkeypatch.context() as patch:
        disk = Disk(folder, patch, syncs=False)
        save_three(folder, 1)
    assert any('is empty' in fault for fault in faults(disk, tmp_path / 'after'))
