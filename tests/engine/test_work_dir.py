# SPDX-License-Identifier: Apache-2.0
"""The folder of a training: its lock, and which checkpoint is gone on from."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.logging import MessageHub

from tmx_plugin.engine import resume, work_dir
from tmx_plugin.engine.hooks import AtomicCheckpointHook
from tmx_plugin.engine.hooks.save_hook import DeferredRemoval
from tmx_plugin.errors import CheckpointError, LaunchError


def whole(**changes):
    """The least that a training can go on from."""
    return dict(
        dict(
            state_dict={},
            optimizer={},
            meta=dict(epoch=1, iter=2),
            message_hub=MessageHub('hub').state_dict(),
        ),
        **changes,
    )


@pytest.mark.parametrize(
    'pointer,names,expected',
    [
        ('', ['epoch_9.pth', 'epoch_10.pth'], [10, 9]),  # killed while writing it
        ('elsewhere/epoch_3.pth', ['epoch_2.pth', 'best_average_mAP_epoch_8.pth'], [2]),
        (None, ['epoch_1.pth', 'iter_3.pth'], [3, 1]),
        ('', [], []),
        ('/of/another/epoch_2.pth', ['epoch_1.pth', 'epoch_2.pth'], [2, 1]),  # copied or moved
        ('epoch_1.pth', ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth'], [1, 3, 2]),
    ],
)  # an older run's
def test_order_in_which_checkpoints_are_tried(tmp_path, pointer, names, expected):
    for name in names:
        (tmp_path / name).touch()
    if pointer is not None:
        (tmp_path / 'last_checkpoint').write_text(pointer)
    assert [int(path.stem.split('_')[1]) for path in work_dir.checkpoints(tmp_path)] == expected


@pytest.mark.parametrize(
    'newest,words',
    [
        (b'', 'damaged, cut off'),
        (b'text', 'another kind of file'),
        (dict(state_dict={}), 'without optimizer, message_hub, meta'),
        (whole(meta=dict(epoch='1', iter=2)), "found .'1', 2."),
        (whole(message_hub=dict(log_scalars={})), 'message_hub has no runtime_info'),
        (
            whole(message_hub=dict(log_scalars=dict(loss=3), runtime_info={}, resumed_keys={})),
            'its log of loss is damaged',
        ),
        ([1], 'holds a list'),
        (torch.ones(2), 'holds a Tensor'),
    ],
)
def test_what_is_not_whole_is_passed_over_in_words(tmp_path, newest, words):
    torch.save(whole(), tmp_path / 'epoch_1.pth')
    if isinstance(newest, bytes):
        (tmp_path / 'epoch_2.pth').write_bytes(newest)
    else:
        torch.save(newest, tmp_path / 'epoch_2.pth')
    said = []
    assert work_dir.newest_whole(tmp_path, said.append).name == 'epoch_1.pth'
    assert len(said) == 1 and 'epoch_2.pth' in said[0] and 'passed over' in said[0]
    with pytest.raises(CheckpointError, match=words):
        resume.check_resumable(
            work_dir.load_checkpoint_file(tmp_path / 'epoch_2.pth'), 'epoch_2.pth'
        )


HOLD = (
    'import sys, time\nfrom tmx_plugin.engine import work_dir\nwork_dir.lock(sys.argv[1])\n'
    'print("held", flush=True)\ntime.sleep(100)'
)


def test_a_second_training_is_kept_out_until_the_first_ends(tmp_path, repo):
    process = subprocess.Popen(
        [sys.executable, '-c', HOLD, str(tmp_path)], cwd=repo, text=True, stdout=subprocess.PIPE
    )
    try:
        while process.stdout.readline().strip() != 'held':
            assert process.poll() is None
        with pytest.raises(LaunchError, match=f'process {process.pid}. runs in .*--work-dir'):
            work_dir.lock(tmp_path)
    finally:
        process.kill()
        process.wait()
    for _ in range(2):
        work_dir.lock(tmp_path)
        work_dir.lock(tmp_path)
        work_dir.unlock(tmp_path)


def test_paths_in_a_checkpoint_are_believed_inside_the_folder_only(tmp_path):
    outside = tmp_path / 'precious' / 'best_a.pth'
    own = tmp_path / 'run'
    for folder in (outside.parent, own):
        folder.mkdir()
    outside.touch()
    (own / 'epoch_1.pth').touch()
    info = dict(
        best_ckpt=str(outside),
        last_ckpt='/gone/epoch_1.pth',
        best_ckpt_b=5,
        keep_ckpt_ids=['../../precious/x'],
        best_score='high',
        best_score_b=1.0,
    )
    said = []
    resume.believe_own_paths(info, own, said.append)
    assert info == dict(last_ckpt=str(own / 'epoch_1.pth'), best_score_b=1.0)
    assert str(outside) in said[0] and 'left where it is' in said[0]
    backend = DeferredRemoval(LocalBackend(), str(own))
    assert not backend.isfile(str(outside)) and not backend.isdir(str(outside.parent))
    for path in (outside, own / 'epoch_1.pth'):
        backend.remove(str(path))
    assert (own / 'epoch_1.pth').exists()
    backend.flush()
    assert outside.exists() and not (own / 'epoch_1.pth').exists()


class FakeRunner(SimpleNamespace):
    """Saves a file that says what the message hub said."""

    full = False

    def save_checkpoint(self, out_dir, name, *args, **kwargs):
        if self.full:
            raise OSError('full')
        (out_dir / name).write_text(str(self.message_hub.get_info('keep_ckpt_ids')))


@pytest.fixture
def saving(tmp_path):
    hub = MessageHub(f'saving {tmp_path}')
    runner = FakeRunner(work_dir=tmp_path, message_hub=hub, epoch=0)
    hook = AtomicCheckpointHook(interval=1, max_keep_ckpts=1)
    hook.out_dir, hook.keep_ckpt_ids = tmp_path, []
    hook.file_backend = DeferredRemoval(LocalBackend(), str(tmp_path))
    return hook, runner


def test_the_old_checkpoint_goes_after_the_new_one_is_there(saving, tmp_path):
    hook, runner = saving
    for step in (1, 2):
        hook._save_checkpoint_with_step(runner, step, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ['epoch_2.pth', 'last_checkpoint']
    assert (tmp_path / 'epoch_2.pth').read_text() == '[1, 2]'  # 1 was there while 2 was written
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'epoch_2.pth')
    runner.full = True
    with pytest.raises(OSError, match='full'):
        hook._save_checkpoint_with_step(runner, 3, {})
    assert (tmp_path / 'epoch_2.pth').exists()
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'epoch_2.pth')


def test_differences_of_configs_are_text():
    ours = "a = 1\nb = 2\nwork_dir = 'x'\n"
    theirs = "a = 1\nb = 3\nwork_dir = 'y'\nimport os\n"
    assert resume.config_differences(theirs, ours) == ['-b = 3', '-import os', '+b = 2']
    assert resume.config_differences(None, ours) == []


def test_the_state_of_another_optimizer_is_refused():
    params = [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(3))]
    optimizer = torch.optim.AdamW(params)
    sum(param.sum() for param in params).backward()
    optimizer.step()
    resume.check_optimizer(optimizer.state_dict(), optimizer, 'x')
    other = torch.optim.AdamW([torch.nn.Parameter(torch.ones(3)), params[1]])
    with pytest.raises(CheckpointError, match='exp_avg of parameter 0 .* does not fit'):
        resume.check_optimizer(optimizer.state_dict(), other, 'x')
    for saved in ({}, dict(param_groups=[5]), dict(param_groups=[dict(params=[1])], state={})):
        with pytest.raises(CheckpointError, match='expected .2.'):
            resume.check_optimizer(saved, optimizer, 'x')
    state = dict(param_groups=[dict(params=[0, 1])], state={0: 'what'})
    with pytest.raises(CheckpointError, match='state of parameter 0'):
        resume.check_optimizer(state, optimizer, 'x')
