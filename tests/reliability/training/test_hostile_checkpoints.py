# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that are damaged, crafted or of another folder, on every path that reads one."""

import hashlib
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile

import pytest
import torch

from tmx_plugin.engine import work_dir

pytestmark = pytest.mark.slow
RESUME = ('train.py', 'tiny.py', '--work-dir', 'A', '--cfg-options', 'train_cfg.max_epochs=3')


class Payload:
    """Runs a command where it is unpickled freely."""

    def __reduce__(self):
        return os.system, ('touch executed',)


def fingerprint(folder):
    """Names and content of the checkpoints of a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob('*.pth')
    }


def change(path, **changes):
    """Write a checkpoint anew with other parts."""
    content = torch.load(path, weights_only=True)
    content.update(changes)
    torch.save(content, path)
    return content


def last_line(out):
    return out.output.strip().splitlines()[-1]


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


@pytest.fixture
def server(trained):
    """URL of a folder that holds real weights beside a payload, as ``0/x.pth`` and ``1/x.pth``."""
    content = torch.load(trained / 'A' / 'epoch_2.pth', weights_only=True)
    folder = trained.parent / 'served'
    for name, extra in (('0', 1), ('1', Payload())):
        (folder / name).mkdir(parents=True, exist_ok=True)
        torch.save({**content, 'extra': extra}, folder / name / 'x.pth')

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{served.server_port}'
        served.shutdown()


@pytest.mark.parametrize(
    'command',
    [
        ('test.py', 'tiny.py', 'URL'),
        ('train.py', 'tiny.py', '--resume', 'URL'),
        ('train.py', 'tiny.py', '--cfg-options', 'load_from=URL'),
        (
            'train.py',
            'tiny.py',
            '--cfg-options',
            'model.init_cfg.type=Pretrained',
            'model.init_cfg.checkpoint=URL',
        ),
    ],
)
def test_a_checkpoint_at_a_url_is_read_as_data(command, server, tools):
    place = tools.place()
    argv = [part.replace('URL', f'{server}/1/x.pth') for part in command]
    out = tools.run(*argv, cwd=place)
    assert out.status == 1 and not (place / 'executed').exists(), out.output[-2000:]
    assert re.search(
        'x-[0-9a-f]{32}.pth is not a checkpoint that can be read safely: it asks for posix.system',
        last_line(out),
    ), last_line(out)


def test_two_urls_that_end_alike_are_two_files(server, tools):
    place = tools.place()
    assert tools.run('test.py', 'tiny.py', f'{server}/1/x.pth', cwd=place).status == 1
    out = tools.run('test.py', 'tiny.py', f'{server}/0/x.pth', cwd=place)
    assert out.status == 0 and 'average_mAP' in out.output, out.output[-2000:]


@pytest.mark.parametrize(
    'url,words',
    [
        ('SERVER/2/x.pth', 'could not be downloaded: HTTP Error 404'),
        ('http://127.0.0.1:9/x.pth', 'could not be downloaded: .*refused'),
        ('ftp://somewhere/x.pth', 'no such checkpoint is known; expected a file or a URL'),
        ('s3://somewhere/x.pth', 'no such checkpoint is known'),
        ('nowhere.pth', 'There is no check'),
    ],
)
def test_what_cannot_be_had_is_one_sentence(url, words, server, tools):
    out = tools.run('test.py', 'tiny.py', url.replace('SERVER', server), cwd=tools.place())
    assert out.status == 1 and 'Traceback' not in out.output
    assert re.search('^test: .*' + words, last_line(out)), last_line(out)


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


def test_a_second_training_in_the_folder_is_refused(tools, trained):
    place = tools.place(copy=trained)
    before = fingerprint(place / 'A')
    work_dir.lock(place / 'A')
    try:
        out = tools.run(*RESUME, '--resume', cwd=place)
    finally:
        work_dir.unlock(place / 'A')
    assert out.status == 1 and re.search(
        rf'^train: Another training \(process {os.getpid()}\) runs in A; wait for its end, or give '
        'this one a --work-dir of its own',
        last_line(out),
    ), last_line(out)
    assert fingerprint(place / 'A') == before


def test_a_run_leaves_nothing_in_the_temporary_folder(tools, trained):
    # A process of its own, whose workers end with it, and the default workers.
    place = tools.place(copy=trained)
    (place / 'tmp').mkdir()
    out = subprocess.run(
        [
            sys.executable,
            tools.repo / 'tools/train.py',
            'tiny.py',
            '--work-dir',
            'new',
            '--cfg-options',
            *(
                f'{part}_dataloader.{option}'
                for part in ('train', 'val')
                for option in ('num_workers=1', 'persistent_workers=True')
            ),
        ],
        cwd=place,
        capture_output=True,
        text=True,
        env=dict(
            os.environ, OMP_NUM_THREADS='1', TMPDIR=str(place / 'tmp'), PYTHONPATH=str(tools.repo)
        ),
    )
    assert out.returncode == 0, out.stderr[-2000:]
    assert [path.name for path in (place / 'tmp').iterdir()] == []
