# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that are damaged, crafted or of another folder, on every path that reads one."""

import os
import re
import shutil
import zipfile

import pytest
import torch
from hostile_files import RESUME, Payload, fingerprint, last_line

from tmx_plugin.engine import work_dir

pytestmark = pytest.mark.slow


def change(path, **changes):
    """Write a checkpoint anew with other parts."""
    content = torch.load(path, weights_only=True)
    content.update(changes)
    torch.save(content, path)
    return content


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path):
    with zipfile.ZipFile(path) as archive:
        info = max(archive.infolist(), key=lambda info: info.file_size)
    content = bytearray(path.read_bytes())
    content[info.header_offset + 400] ^= 1
    path.write_bytes(content)


def without_optimizer(path):
    content = torch.load(path, weights_only=True)
    del content['optimizer']
    torch.save(content, path)


def other_optimizer(path):
    content = torch.load(path, weights_only=True)
    content['optimizer']['param_groups'].pop()
    torch.save(content, path)


DAMAGES = {
    'empty': (lambda path: path.write_bytes(b''), 'it is damaged, cut off or another kind of file'),
    'cut off': (cut, 'it is damaged, cut off or another kind of file'),
    'text': (lambda path: path.write_text('hello'), 'it is damaged, cut off or another kind'),
    'a flipped bit': (flip, 'differs from its checksum'),
    'a list': (lambda path: torch.save([1], path), 'holds a list, expected a dict'),
    'a tensor': (lambda path: torch.save(torch.ones(2), path), 'holds a Tensor, expected a dict'),
    'no optimizer': (without_optimizer, 'weights only (without optimizer), and cannot be resumed'),
    'other metadata': (lambda path: change(path, meta=[1]), 'without meta'),
    'an object': (lambda path: change(path, extra=Payload()), 'it asks for posix.system'),
}


@pytest.mark.parametrize('damage', DAMAGES)
def test_resume_falls_back_to_the_newest_whole_checkpoint(damage, tools, trained):
    spoil, words = DAMAGES[damage]
    place = tools.place(copy=trained)
    spoil(place / 'A' / 'epoch_2.pth')
    said = []
    assert work_dir.newest_whole(place / 'A', said.append).name == 'epoch_1.pth'
    assert words in said[0] and str(place / 'A' / 'epoch_2.pth') in said[0]
    assert not (place / 'executed').exists()


def test_resume_says_what_it_passed_over_and_ends_as_if_nothing_had_been(tools, trained):
    place = tools.place(copy=trained)
    cut(place / 'A' / 'epoch_2.pth')
    out = tools.run('train.py', 'tiny.py', '--work-dir', 'A', '--resume', cwd=place)
    assert out.status == 0, out.output[-2000:]
    assert 'epoch_2.pth is not a checkpoint that can be read safely' in out.output
    assert re.search('Resuming from A/epoch_1.pth|Resuming from .*/A/epoch_1.pth', out.output)
    states = [
        torch.load(folder / 'A' / 'epoch_2.pth', weights_only=True) for folder in (place, trained)
    ]
    assert all(
        torch.equal(value, states[1]['state_dict'][key])
        for key, value in states[0]['state_dict'].items()
    )


@pytest.mark.parametrize(
    'spoil,words',
    [
        (cut, r'^train: None of the checkpoints in \S*A is whole\. To start anew, remove them or'),
        (
            os.unlink,
            r'^train: There is no checkpoint in A to resume from\. To start anew .* --resume '
            r'auto\.$',
        ),
        (other_optimizer, r'^train: \S+ cannot be resumed from: its optimizer has groups of '),
    ],
)
def test_resume_without_a_whole_checkpoint_is_an_error(spoil, words, tools, trained):
    place = tools.place(copy=trained)
    os.unlink(place / 'A' / 'epoch_1.pth')
    spoil(place / 'A' / 'epoch_2.pth')
    before = fingerprint(place / 'A')
    out = tools.run(*RESUME, '--resume', cwd=place)
    assert out.status == 1 and re.search(words, last_line(out)), last_line(out)
    assert fingerprint(place / 'A') == before


def test_resume_auto_starts_anew_in_an_empty_folder_and_says_so(tools):
    place = tools.place()
    out = tools.run(
        'train.py',
        'tiny.py',
        '--work-dir',
        'new',
        '--resume',
        'auto',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        cwd=place,
    )
    assert out.status == 0 and re.search(
        r'There is no checkpoint in \S*new to resume from: training starts anew', out.output
    )


def test_a_copied_folder_goes_on_by_itself(tools, trained):
    place = tools.place(copy=trained)
    shutil.copytree(place / 'A', place / 'B')
    before = fingerprint(place / 'A')
    out = tools.run(
        'train.py',
        'tiny.py',
        '--work-dir',
        'B',
        '--resume',
        '--cfg-options',
        'train_cfg.max_epochs=3',
        cwd=place,
    )
    assert out.status == 0, out.output[-2000:]
    assert re.search(r'Resuming from \S*B/epoch_2.pth', out.output)
    assert fingerprint(place / 'A') == before
    assert len(list((place / 'B').glob('best_*.pth'))) == 1  # the copied best went if beaten


def test_another_folders_best_checkpoint_is_left_alone(tools, trained):
    place = tools.place(copy=trained)
    before = fingerprint(place / 'A')
    change_best = torch.load(place / 'A' / 'epoch_2.pth', weights_only=True)
    change_best['message_hub']['runtime_info']['best_score'] = -1.0  # so that any score is better
    torch.save(change_best, place / 'old.pth')
    out = tools.run(
        'train.py',
        'tiny.py',
        '--work-dir',
        'new',
        '--resume',
        'old.pth',
        '--cfg-options',
        'train_cfg.max_epochs=3',
        cwd=place,
    )
    assert out.status == 0, out.output[-2000:]
    assert re.search(
        r'best checkpoint so far, \S*A/best_\S+, is not in \S*new; it is left where', out.output
    )
    assert fingerprint(place / 'A') == before
    assert list((place / 'new').glob('best_*.pth'))


@pytest.mark.parametrize('how', ['named', 'automatic'])
def test_the_config_in_a_checkpoint_is_text(how, tools, trained):
    place = tools.place(copy=trained)
    path = place / 'A' / 'epoch_2.pth'
    content = torch.load(path, weights_only=True)
    code = 'import os\nos.system("touch executed")\n'
    content['meta'].update(config=code, cfg=code)
    torch.save(content, path)
    out = tools.run(*RESUME, '--resume', *([path] if how == 'named' else []), cwd=place)
    assert out.status == 0, out.output[-2000:]
    assert not (place / 'executed').exists()
    assert '-os.system("touch executed")' in out.output  # shown as a difference


def test_what_a_checkpoint_calls_the_best_is_not_removed(tools, trained):
    place = tools.place(copy=trained)
    precious = place / 'precious'
    precious.mkdir()
    (precious / 'file').touch()
    path = place / 'A' / 'epoch_2.pth'
    content = torch.load(path, weights_only=True)
    content['message_hub']['runtime_info'].update(
        best_ckpt=str(precious), best_score=-1.0, keep_ckpt_ids=['../../precious/file']
    )
    torch.save(content, path)
    out = tools.run(*RESUME, 'default_hooks.checkpoint.max_keep_ckpts=1', '--resume', cwd=place)
    assert out.status == 0 and (precious / 'file').exists(), out.output[-2000:]


@pytest.mark.parametrize(
    'tensor,words',
    [
        (
            lambda value: value.to(torch.complex64),
            'tensor of torch.complex64 and torch.strided, exp',
        ),
        (lambda value: value.to_sparse(), 'tensor of torch.float32 and torch.sparse_coo, expected'),
        (lambda value: value[:1], 'shape       head.cls_conv.weight'),
        (lambda value: 'text', 'holds no state dict'),
    ],
)
def test_weights_of_another_kind_are_refused(tensor, words, tools, trained):
    place = tools.place(copy=trained)
    content = torch.load(place / 'A' / 'epoch_2.pth', weights_only=True)
    content['state_dict']['head.cls_conv.weight'] = tensor(
        content['state_dict']['head.cls_conv.weight']
    )
    torch.save(content, place / 'x.pth')
    out = tools.run('test.py', 'tiny.py', 'x.pth', cwd=place)
    assert out.status == 1 and 'Traceback' not in out.output
    assert words in out.output and 'x.pth' in out.output.split('test: ')[-1]
