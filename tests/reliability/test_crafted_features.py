# SPDX-License-Identifier: Apache-2.0
"""Crafted feature files: refused in a sentence, without running code or taking memory."""

import json
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from crafted_files import (
    GOOD,
    Call,
    elsewhere,
    endless_h5,
    h5_bytes,
    npy_bytes,
    npz_bytes,
    rezipped,
    tensor,
    torch_bytes,
    wild_dtype,
)

PICKLE = (
    'a pickle file can run code and is not read; if you trust its source, convert it: '
    'tools/convert/pickle_features.py --trust-pickle '
)


CASES = {
    'pickled array.pkl': (lambda: pickle.dumps(GOOD), PICKLE),
    'wild dtype.pkl': (lambda: pickle.dumps(wild_dtype()), PICKLE),
    'code.pickle': (lambda: pickle.dumps(Call(print, 'ran')), PICKLE),
    'petabytes.npy': (
        lambda: npy_bytes(shape='(1000000000000, 1024)'),
        '48 bytes of values, where the header announces 4096000000000000',
    ),
    'negative.npy': (lambda: npy_bytes(shape='(-4, -3)'), 'for shape (-4, -3)'),
    'overflow.npy': (
        lambda: npy_bytes(shape=f'({1 << 62}, 4)', values=b''),
        'the header announces',
    ),
    'objects.npy': (lambda: npy_bytes(descr="'|O'"), 'pickled objects'),
    'hidden objects.npy': (
        lambda: npy_bytes(descr="[('a', '|O'), ('b', '<f4')]"),
        'pickled objects',
    ),
    'arrays in it.npy': (lambda: npy_bytes(descr="('<f4', (3,))"), "values of ('<f4', (3,))"),
    'wide numbers.npy': (lambda: npy_bytes(descr="'<c16'"), 'values of complex128'),
    'long header.npy': (lambda: npy_bytes(version=2), 'an array header that is not version 1.0'),
    'nested.npy': (lambda: npy_bytes(shape='(' * 9000 + ')' * 9000), 'Header info length'),
    'nested less.npy': (lambda: npy_bytes(shape='(' * 4000 + ')' * 4000), 'header'),
    'no number.npy': (lambda: npy_bytes(shape="('4', 3)"), 'shape is not valid'),
    'objects.npz': (lambda: npz_bytes(('a.npy', npy_bytes(descr="'|O'"))), 'pickled objects'),
    'petabytes.npz': (
        lambda: npz_bytes(('a.npy', npy_bytes(shape='(1000000000000, 1024)'))),
        'the header announces 4096000000000000',
    ),
    'deflated petabytes.npz': (
        lambda: npz_bytes(
            ('a.npy', npy_bytes(shape='(1000000000000, 1024)')), method=zipfile.ZIP_DEFLATED
        ),
        'the header announces 4096000000000000',
    ),
    'bomb.npz': (
        lambda: npz_bytes(
            ('a.npy', bytes(1000)), method=zipfile.ZIP_DEFLATED, announced=0xFFFFFFF0
        ),
        'an array of 4.0 GiB when decompressed, more than the limit of 1 GiB; store it as .npy',
    ),
    'more than announced.npz': (
        lambda: npz_bytes(
            ('a.npy', npy_bytes() + bytes(1 << 20)),
            method=zipfile.ZIP_DEFLATED,
            announced=len(npy_bytes()),
        ),
        'Bad CRC-32',
    ),
    'beyond the end.npz': (
        lambda: npz_bytes(('a.npy', npy_bytes()), announced=1 << 30),
        'the header announces 48',
    ),
    'lzma.npz': (
        lambda: npz_bytes(('a.npy', npy_bytes()), method=zipfile.ZIP_LZMA),
        'neither stored nor deflated',
    ),
    'same names.npz': (
        lambda: npz_bytes(('a.npy', npy_bytes()), ('a', npy_bytes())),
        'several arrays of one name',
    ),
    'wild dtype.pt': (lambda: torch_bytes(wild_dtype()), 'content that is no tensor (numpy.dtype)'),
    'array.pt': (lambda: torch_bytes(GOOD), 'content that is no tensor (numpy'),
    'code.pt': (
        lambda: torch_bytes(Call(print, 'ran')),
        'content that is no tensor (__builtin__.print)',
    ),
    'memory.pt': (
        lambda: torch_bytes(Call(bytearray, 10**10)),
        'no tensor (__builtin__.bytearray)',
    ),
    'backwards.pt': (lambda: torch_bytes(tensor((4, 3), (-3, 1), 1)), ''),
    'petabytes.pt': (
        lambda: torch_bytes(tensor((1 << 30, 1 << 20), (0, 0))),
        'a tensor (1073741824, 1048576) of 12 values',
    ),
    'beyond the end.pt': (lambda: torch_bytes(tensor((4, 1 << 40), (1 << 40, 1))), ''),
    'sparse.pt': (lambda: torch_bytes(torch.eye(3).to_sparse()), 'content that is no tensor'),
    'complex.pt': (
        lambda: torch_bytes(torch.zeros(2, 2, dtype=torch.complex64)),
        'content that is no tensor (torch.ComplexFloatStorage)',
    ),
    'old.pt': (
        lambda: torch_bytes(torch.zeros(2, 2), _use_new_zipfile_serialization=False),
        'File is not a zip file',
    ),
    'deflated.pt': (lambda: rezipped(zipfile.ZIP_DEFLATED), 'with compressed or shared content'),
    'two contents.pt': (
        lambda: rezipped(extra=[('archive/DATA.PKL', b'.')]),
        'an archive that torch did not write',
    ),
    'plain zip.pt': (lambda: npz_bytes(('a', b'1')), 'an archive that torch did not write'),
    'petabytes.h5': (lambda: h5_bytes(endless_h5), '4503599627370496 bytes announced, of which'),
    'nothing stored.h5': (
        lambda: h5_bytes(lambda f: f.create_dataset('a', (1 << 40, 9), 'f4')),
        'bytes announced, of which 0 are stored',
    ),
    'elsewhere.h5': (lambda: h5_bytes(elsewhere), 'values that lie in other files'),
    'text.h5': (lambda: h5_bytes(lambda f: f.create_dataset('a', data=['x'])), 'values of object'),
    'nul.csv': (lambda: b'1,2,3\n1,2\x00,3\n', 'could not convert'),
    'long number.csv': (lambda: b'1\n' + b'9' * 100_000 + b'x', 'could not convert'),
}


READ = """
import json, resource, sys
from pathlib import Path
from tmx_plugin.datasets.feature_io import peek_shape, read_features
from tmx_plugin.datasets.errors import DataError
used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print('start', file=sys.stderr)
out, before = {}, used()
for path in sorted(Path(sys.argv[1]).iterdir()):
    print(path.name, file=sys.stderr, flush=True)
    for action in (peek_shape, read_features):
        try:
            out[path.name] = ['read', str(action(path, video='v1')[:0])]
        except DataError as error:
            out[path.name] = ['refused', str(error)]
        except Exception as error:
            out[path.name] = [type(error).__name__, str(error)]
print(json.dumps(dict(out=out, mb=used() - before)))
"""


@pytest.fixture(scope='module')
def outcome(tmp_path_factory, repo):
    """What a fresh process makes of all the files, each peeked at and read."""
    folder = tmp_path_factory.mktemp('crafted')
    for name, (make, _) in CASES.items():
        (folder / name).write_bytes(make())
    done = subprocess.run(
        [sys.executable, '-c', READ, folder], cwd=repo, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f'ended at {done.stderr.splitlines()[-1]}: {done.stderr}'
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize('name', CASES)
def test_refuses_crafted_files(outcome, name):
    kind, text = outcome['out'][name]
    assert kind == 'refused', text
    assert CASES[name][1] in text and f"{name}: video 'v1': " in text
    assert '\n' not in text and len(text) < 600


def test_crafted_files_take_no_memory(outcome):
    assert outcome['mb'] < 200


def test_refuses_what_is_no_regular_file(tmp_path):
    import os

    from tmx_plugin.datasets.feature_io import read_features

    os.mkfifo(tmp_path / 'x.npy')
    with pytest.raises(FileNotFoundError, match=r'x.npy: .*\(it is no regular file\)'):
        read_features(tmp_path / 'x.npy')


def _convert(repo, *args):
    return subprocess.run(
        [sys.executable, repo / 'tools/convert/pickle_features.py', *args],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_converts_pickles_only_when_trusted(tmp_path, repo):
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(dict(feats=GOOD, name='a')))
    torch.save(dict(feats=GOOD), tmp_path / 'b.pt')
    (tmp_path / 'c.pkl').write_bytes(pickle.dumps([1]))
    refused = _convert(repo, tmp_path)
    assert refused.returncode == 1 and not list(tmp_path.glob('*.npy'))
    assert refused.stderr == (
        'pickle_features: reading a pickle file runs the code in it; give --trust-pickle if you '
        'trust the source of these files, nothing was read\n'
    )
    done = _convert(repo, tmp_path, '--trust-pickle', '--out', tmp_path / 'out')
    assert done.returncode == 1
    assert 'c.pkl: FAILED: expected a matrix of numbers, found list' in done.stderr
    for name in 'ab':
        np.testing.assert_array_equal(np.load(tmp_path / 'out' / f'{name}.npy'), GOOD)
    assert len(list((tmp_path / 'out').iterdir())) == 2
