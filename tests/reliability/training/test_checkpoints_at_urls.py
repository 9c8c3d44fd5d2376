# SPDX-License-Identifier: Apache-2.0
"""Checkpoints at URLs are read as data."""

import http.server
import re
import threading

import pytest
import torch
from hostile_files import Payload, last_line

pytestmark = pytest.mark.slow


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
