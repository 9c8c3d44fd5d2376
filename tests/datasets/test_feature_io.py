# SPDX-License-Identifier: Apache-2.0
"""Feature files of every format: what is read, and what is refused."""

import io
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tmx_plugin.datasets.errors import DataError
from tmx_plugin.datasets.feature_io import peek_shape, read_features

FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3) / 7


def _npy_bytes() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, FEATURES)
    return buffer.getvalue()


def _save_h5(**arrays):
    def save(path):
        h5py = pytest.importorskip('h5py')
        with h5py.File(path, 'w') as file:
            for name, array in arrays.items():
                file[name] = array

    return save


WRITERS = {
    'plain.npy': lambda path: np.save(path, FEATURES),
    'one.npz': lambda path: np.savez(path, anything=FEATURES),
    'feats.npz': lambda path: np.savez_compressed(path, feats=FEATURES, fps=np.float32(30)),
    'tensor.pt': lambda path: torch.save(torch.from_numpy(FEATURES), path),
    'dict.pth': lambda path: torch.save(dict(feats=torch.from_numpy(FEATURES)), path),
    'parameter.pt': lambda path: torch.save(torch.nn.Parameter(torch.from_numpy(FEATURES)), path),
    'view.pt': lambda path: torch.save(torch.from_numpy(FEATURES.T.copy()).T, path),
    'plain.csv': lambda path: np.savetxt(path, FEATURES, delimiter=',', fmt='%.9g'),
    'header.csv': lambda path: np.savetxt(
        path, FEATURES, delimiter=',', fmt='%.9g', header='a,b,c', comments=''
    ),
    'one.h5': _save_h5(video=FEATURES),
    'feats.hdf5': _save_h5(feats=FEATURES, times=np.arange(4)),
}


@pytest.mark.parametrize('name', WRITERS)
@pytest.mark.parametrize('layout', ['tc', 'ct'])
def test_reads_every_format(tmp_path, name, layout):
    path = tmp_path / name
    WRITERS[name](path)
    array = read_features(path, layout)
    np.testing.assert_array_equal(array, FEATURES if layout == 'tc' else FEATURES.T)


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64, np.int16])
@pytest.mark.parametrize('suffix', ['.npy', '.npz', '.pt'])
def test_keeps_the_type_of_the_file(tmp_path, dtype, suffix):
    path = tmp_path / f'x{suffix}'
    array = (FEATURES * 10).astype(dtype)
    {
        '.npy': lambda: np.save(path, array),
        '.npz': lambda: np.savez(path, array),
        '.pt': lambda: torch.save(torch.from_numpy(array), path),
    }[suffix]()
    read = read_features(path)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, array)


def test_reads_bfloat16_tensors(tmp_path):
    torch.save(torch.from_numpy(FEATURES).bfloat16(), tmp_path / 'x.pt')
    assert read_features(tmp_path / 'x.pt').dtype == np.float32


@pytest.mark.parametrize('save', [np.save, np.savez], ids=['npy', 'npz'])
def test_maps_instead_of_reading(tmp_path, save):
    path = tmp_path / f'x.{"npy" if save is np.save else "npz"}'
    save(path, FEATURES)
    array = read_features(path)
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable
    np.testing.assert_array_equal(array, FEATURES)


@pytest.mark.parametrize('save', [np.save, np.savez], ids=['npy', 'npz'])
@pytest.mark.parametrize('order', 'CF')
def test_maps_both_memory_orders(tmp_path, save, order):
    path = tmp_path / f'x.{"npy" if save is np.save else "npz"}'
    save(path, np.asarray(FEATURES, order=order))
    np.testing.assert_array_equal(read_features(path), FEATURES)


@pytest.mark.parametrize('name', WRITERS)
@pytest.mark.parametrize('layout', ['tc', 'ct'])
def test_peeks_at_the_shape_of_every_format(tmp_path, name, layout):
    WRITERS[name](tmp_path / name)
    assert peek_shape(tmp_path / name, layout) == ((4, 3) if layout == 'tc' else (3, 4))


class _Attack:
    """Writes a file if anybody unpickles it."""

    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return Path.write_text, (self.victim, 'ran')


ATTACKS = {
    'object.npy': lambda path, x: np.save(path, np.array([x], dtype=object), allow_pickle=True),
    'pickle.npy': lambda path, x: path.write_bytes(pickle.dumps(x)),
    'object.npz': lambda path, x: np.savez(path, feats=np.array([x], dtype=object)),
    'pickle.npz': lambda path, x: path.write_bytes(pickle.dumps(x)),
    'attack.pt': lambda path, x: torch.save(dict(feats=torch.zeros(2, 2), other=x), path),
    'pickle.pt': lambda path, x: path.write_bytes(pickle.dumps(x)),
    'pickle.h5': lambda path, x: path.write_bytes(pickle.dumps(x)),
    'pickle.csv': lambda path, x: path.write_bytes(pickle.dumps(x)),
}


@pytest.mark.parametrize('name', ATTACKS)
def test_runs_no_code_from_files(tmp_path, name):
    victim, path = tmp_path / 'victim', tmp_path / name
    ATTACKS[name](path, _Attack(victim))
    with pytest.raises(DataError) as caught:
        read_features(path)
    assert not victim.exists()
    message = str(caught.value)
    assert str(path) in message and 'expected a whole' in message
    assert len(message) < 400, 'one or two sentences, not a lecture'
    assert 'weights_only=False' not in message, 'no advice to run the code'


BROKEN = {
    'vector': ('x.npy', lambda p: np.save(p, np.zeros(3)), r'matrix of numbers, T x C.*\(3,\)'),
    'cube': ('x.npy', lambda p: np.save(p, np.zeros((1, 2, 3))), r'found shape \(1, 2, 3\)'),
    'no rows': ('x.npz', lambda p: np.savez(p, np.zeros((0, 3))), r'found shape \(0, 3\)'),
    'complex': ('x.npy', lambda p: np.save(p, np.zeros((2, 2), complex)), 'complex128'),
    'text': ('x.npy', lambda p: np.save(p, np.array([['a']])), 'of <U1'),
    'bool': ('x.npy', lambda p: np.save(p, np.zeros((2, 2), bool)), 'of bool'),
    'list': ('x.pt', lambda p: torch.save([1, 2], p), 'found list'),
    'empty npy': ('x.npy', lambda p: p.write_bytes(b''), 'whole .npy file'),
    'empty npz': ('x.npz', lambda p: p.write_bytes(b''), 'whole .npz file'),
    'empty pt': ('x.pt', lambda p: p.write_bytes(b''), 'whole .pt file'),
    'empty csv': ('x.csv', lambda p: p.write_bytes(b''), 'an empty file'),
    'html': ('x.npy', lambda p: p.write_text('<html>Quota exceeded</html>'), 'whole .npy file'),
    'words': ('x.csv', lambda p: p.write_text('a,b\n1,x\n'), 'whole .csv file'),
    'npy in npz': ('x.npz', lambda p: p.write_bytes(_npy_bytes()), 'whole .npz file'),
    'two arrays': (
        'x.npz',
        lambda p: np.savez(p, a=FEATURES, b=FEATURES),
        r"one array or one named 'feats', found 2: \['a', 'b'\]",
    ),
    'two tensors': (
        'x.pt',
        lambda p: torch.save(dict(a=torch.zeros(1), b=torch.zeros(1)), p),
        "one named 'feats', found 2",
    ),
    'ending': ('x.txt', lambda p: p.write_text('1'), r"ending in one of .npy, .*, found '.txt'"),
}


@pytest.mark.parametrize('name, write, message', BROKEN.values(), ids=BROKEN)
def test_refuses_what_is_no_matrix(tmp_path, name, write, message):
    write(tmp_path / name)
    with pytest.raises(DataError, match=message) as caught:
        read_features(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize('suffix', ['.npy', '.npz', '.pt', '.h5'])
@pytest.mark.parametrize('share', [0.3, 0.7, 0.95])
def test_refuses_truncated_files(tmp_path, suffix, share):
    path = tmp_path / f'x{suffix}'
    big = np.random.default_rng(0).random((100, 30))
    {
        '.npy': lambda: np.save(path, big),
        '.npz': lambda: np.savez(path, big),
        '.pt': lambda: torch.save(torch.from_numpy(big), path),
        '.h5': lambda: _save_h5(feats=big)(path),
    }[suffix]()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=f'expected a whole {suffix} file'):
        read_features(path)


@pytest.mark.parametrize(
    'name, save',
    [
        ('x.npy', lambda path: np.save(path, FEATURES)),
        ('x.npz', lambda path: np.savez_compressed(path, FEATURES)),
        ('x.pt', lambda path: torch.save(torch.from_numpy(FEATURES), path)),
    ],
)
def test_flipped_bits_are_read_or_refused_with_the_name(tmp_path, name, save):
    path = tmp_path / name
    save(path)
    whole, messages = path.read_bytes(), []
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:  # no zlib.error, TokenError, OverflowError or MemoryError
            read_features(path)
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > len(whole) / 10
    assert all(str(path) in message for message in messages)


def test_missing_file_and_wrong_layout(tmp_path):
    with pytest.raises(FileNotFoundError, match='x.npy: feature file not found'):
        read_features(tmp_path / 'x.npy')
    with pytest.raises(ValueError, match='layout'):
        read_features(tmp_path / 'x.npy', 'tct')


def test_h5_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / 'x.h5').write_bytes(b'')
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "tmx_plugin\[h5\]"'):
        read_features(tmp_path / 'x.h5')
