# SPDX-License-Identifier: Apache-2.0
"""Feature files made to harm: none runs code, takes memory or ends the process."""

import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from tmx_plugin.datasets.transforms import LoadFeatures
from tmx_plugin.errors import DataError

GOOD = np.arange(12, dtype=np.float32).reshape(4, 3)


def _npy(descr="'<f4'", shape='(4, 3)', values=None, version=1):
    values = GOOD.tobytes() if values is None else values
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    length = struct.pack('<H' if version == 1 else '<I', len(header))
    return b'\x93NUMPY' + bytes([version, 0]) + length + header + values


def _npz(*members, method=zipfile.ZIP_STORED, announced=None):
    """Archive of (name, content); ``announced`` replaces the size of the last when unpacked."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    data = bytearray(file.getvalue())
    if announced is not None:
        entry = data.rindex(b'PK\x01\x02')
        data[entry + 24 : entry + 28] = struct.pack('<I', announced)
    return bytes(data)


class _Call:
    """Pickled as the call of a function."""

    def __init__(self, function, *args, state=None):
        self.how = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.how


#: A dtype whose state puts an object outside of the item: numpy follows it and crashes.
def _wild_dtype():
    state = (3, '|', None, ('f',), {'f': (np.dtype('O'), 1 << 40)}, 8, 1, 27)
    return _Call(np.dtype, 'V8', state=state)


def _torch(content, **options):
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def _tensor(size, stride, offset=0):
    storage = torch.zeros(12).storage()
    return _Call(
        torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, OrderedDict()
    )


def _rezipped(method=zipfile.ZIP_STORED, extra=()):
    with zipfile.ZipFile(io.BytesIO(_torch(torch.zeros(4, 3)))) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    return _npz(*members, *extra, method=method)


def _h5(make):
    h5py = pytest.importorskip('h5py')
    file = io.BytesIO()
    with h5py.File(file, 'w') as content:
        make(content)
    return file.getvalue()


def _endless_h5(file):
    feats = file.create_dataset(
        'feats', (1 << 40, 1024), 'f4', chunks=(16, 1024), compression='gzip'
    )
    feats[:16] = 0


def _elsewhere(file):
    file.create_dataset('feats', (4, 3), 'f4', external=[('/etc/passwd', 0, 48)])


PICKLE = (
    'a pickle file can run code and is not read; if you trust its source, convert it: '
    'tools/convert/pickle_features.py --trust-pickle '
)
CASES = {
    'pickled array.pkl': (lambda: pickle.dumps(GOOD), PICKLE),
    'wild dtype.pkl': (lambda: pickle.dumps(_wild_dtype()), PICKLE),
    'code.pickle': (lambda: pickle.dumps(_Call(print, 'ran')), PICKLE),
    'petabytes.npy': (
        lambda: _npy(shape='(1000000000000, 1024)'),
        '48 bytes of values, where the header announces 4096000000000000',
    ),
    'negative.npy': (lambda: _npy(shape='(-4, -3)'), 'for shape (-4, -3)'),
    'overflow.npy': (lambda: _npy(shape=f'({1 << 62}, 4)', values=b''), 'the header announces'),
    'objects.npy': (lambda: _npy(descr="'|O'"), 'pickled objects'),
    'hidden objects.npy': (lambda: _npy(descr="[('a', '|O'), ('b', '<f4')]"), 'pickled objects'),
    'arrays in it.npy': (lambda: _npy(descr="('<f4', (3,))"), "values of ('<f4', (3,))"),
    'wide numbers.npy': (lambda: _npy(descr="'<c16'"), 'values of complex128'),
    'long header.npy': (lambda: _npy(version=2), 'an array header that is not version 1.0'),
    'nested.npy': (lambda: _npy(shape='(' * 9000 + ')' * 9000), 'Header info length'),
    'nested less.npy': (lambda: _npy(shape='(' * 4000 + ')' * 4000), 'header'),
    'no number.npy': (lambda: _npy(shape="('4', 3)"), 'shape is not valid'),
    'objects.npz': (lambda: _npz(('a.npy', _npy(descr="'|O'"))), 'pickled objects'),
    'petabytes.npz': (
        lambda: _npz(('a.npy', _npy(shape='(1000000000000, 1024)'))),
        'the header announces 4096000000000000',
    ),
    'deflated petabytes.npz': (
        lambda: _npz(('a.npy', _npy(shape='(1000000000000, 1024)')), method=zipfile.ZIP_DEFLATED),
        'the header announces 4096000000000000',
    ),
    'bomb.npz': (
        lambda: _npz(('a.npy', bytes(1000)), method=zipfile.ZIP_DEFLATED, announced=0xFFFFFFF0),
        'an array of 4.0 GiB when decompressed, more than the limit of 1 GiB; store it as .npy',
    ),
    'more than announced.npz': (
        lambda: _npz(
            ('a.npy', _npy() + bytes(1 << 20)), method=zipfile.ZIP_DEFLATED, announced=len(_npy())
        ),
        'Bad CRC-32',
    ),
    'beyond the end.npz': (
        lambda: _npz(('a.npy', _npy()), announced=1 << 30),
        'the header announces 48',
    ),
    'lzma.npz': (
        lambda: _npz(('a.npy', _npy()), method=zipfile.ZIP_LZMA),
        'neither stored nor deflated',
    ),
    'same names.npz': (
        lambda: _npz(('a.npy', _npy()), ('a', _npy())),
        'several arrays of one name',
    ),
    'wild dtype.pt': (lambda: _torch(_wild_dtype()), 'content that is no tensor (numpy.dtype)'),
    'array.pt': (lambda: _torch(GOOD), 'content that is no tensor (numpy'),
    'code.pt': (
        lambda: _torch(_Call(print, 'ran')),
        'content that is no tensor (__builtin__.print)',
    ),
    'memory.pt': (lambda: _torch(_Call(bytearray, 10**10)), 'no tensor (__builtin__.bytearray)'),
    'backwards.pt': (lambda: _torch(_tensor((4, 3), (-3, 1), 1)), ''),
    'petabytes.pt': (
        lambda: _torch(_tensor((1 << 30, 1 << 20), (0, 0))),
        'a tensor (1073741824, 1048576) of 12 values',
    ),
    'beyond the end.pt': (lambda: _torch(_tensor((4, 1 << 40), (1 << 40, 1))), ''),
    'sparse.pt': (lambda: _torch(torch.eye(3).to_sparse()), 'content that is no tensor'),
    'complex.pt': (
        lambda: _torch(torch.zeros(2, 2, dtype=torch.complex64)),
        'content that is no tensor (torch.ComplexFloatStorage)',
    ),
    'old.pt': (
        lambda: _torch(torch.zeros(2, 2), _use_new_zipfile_serialization=False),
        'File is not a zip file',
    ),
    'deflated.pt': (lambda: _rezipped(zipfile.ZIP_DEFLATED), 'with compressed or shared content'),
    'two contents.pt': (
        lambda: _rezipped(extra=[('archive/DATA.PKL', b'.')]),
        'an archive that torch did not write',
    ),
    'plain zip.pt': (lambda: _npz(('a', b'1')), 'an archive that torch did not write'),
    'petabytes.h5': (lambda: _h5(_endless_h5), '4503599627370496 bytes announced, of which'),
    'nothing stored.h5': (
        lambda: _h5(lambda f: f.create_dataset('a', (1 << 40, 9), 'f4')),
        'bytes announced, of which 0 are stored',
    ),
    'elsewhere.h5': (lambda: _h5(_elsewhere), 'values that lie in other files'),
    'text.h5': (lambda: _h5(lambda f: f.create_dataset('a', data=['x'])), 'values of object'),
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


# ------------------------------------------------------------------ numbers that are not finite
def _spoil(path, value, dtype='f4', place=(17, 5)):
    array = np.load(path).astype(dtype)
    array[place] = value
    np.save(path, array)


BAD_NUMBERS = {
    'nan': ('f4', np.nan, 'nan'),
    'infinity': ('f4', -np.inf, '-inf'),
    'half infinity': ('f2', np.inf, 'inf'),
    'half nan': ('f2', np.nan, 'nan'),
    'overflow of squares': ('f4', 1e30, '1e+30'),
    'the limit': ('f8', 1e20, '1e+20'),
    'overflow of float32': ('f8', 1e300, '1e+300'),
}


@pytest.mark.parametrize('dtype, value, shown', BAD_NUMBERS.values(), ids=BAD_NUMBERS)
@pytest.mark.parametrize('layout', ['tc', 'ct'])
def test_numbers_that_are_not_finite_are_named(tmp_path, dtype, value, shown, layout):
    array = np.ones((30, 6), dtype)
    array[17, 5] = array[20, 1] = value
    path = str(tmp_path / 'x.npy')
    np.save(path, array.T if layout == 'ct' else array)
    with pytest.raises(DataError) as caught:
        LoadFeatures()(dict(video_id='v1', feature_paths=[path], layout=layout))
    assert str(caught.value) == (
        f"{path}: video 'v1': expected finite values below 1e+20, found 2 of 180 that are not, the "
        f"first is {shown} at time step 17, channel 5 (features='zero' of the data set takes 0 "
        'instead)'
    )


def test_zeros_are_taken_only_when_asked_for(tiny):
    from mmaction.registry import DATASETS
    from mmengine.config import Config

    settings = Config.fromfile(tiny.config).val_dataloader.dataset
    _spoil(tiny.root / 'features/v5.npy', np.nan)
    with pytest.raises(DataError, match="video 'v5': expected finite values"):
        DATASETS.build(settings)[1]
    dataset = DATASETS.build(dict(settings, features='zero'))
    for _ in range(2):  # when it is found, and when it is known
        inputs = dataset[1]['inputs']
        assert inputs[17, 5] == 0 and inputs.isfinite().all() and inputs[17, 4] != 0
    with pytest.raises(ValueError, match="features must be 'raise' or 'zero', not 'ignore'"):
        DATASETS.build(dict(settings, features='ignore'))


def test_each_file_is_checked_once_over_all_workers(tiny, monkeypatch):
    from mmaction.registry import DATASETS
    from mmengine.config import Config
    from torch.utils.data import DataLoader

    from tmx_plugin.datasets import feature_values

    dataset = DATASETS.build(Config.fromfile(tiny.config).train_dataloader.dataset)
    assert not dataset.value_check.state.any()
    for _ in DataLoader(dataset, batch_size=None, num_workers=2):
        pass
    assert dataset.value_check.state.tolist() == [1] * 4
    monkeypatch.setattr(feature_values, 'find_bad_values', lambda array: pytest.fail('twice'))
    dataset[0]


@pytest.mark.parametrize(
    'save', [np.savez, lambda path, x: torch.save(torch.from_numpy(x), path)], ids=['x.npz', 'x.pt']
)
def test_a_flipped_bit_is_found_by_its_checksum(tmp_path, save, request):
    path = tmp_path / request.node.callspec.id
    save(path, GOOD)
    content = bytearray(path.read_bytes())
    content[content.index(GOOD.tobytes()) + 9] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        DataError,
        match="video 'v1': expected the content that was written, found "
        'a checksum that does not fit',
    ):
        LoadFeatures()(dict(video_id='v1', feature_paths=[str(path)]))


def test_training_and_inference_refuse_them(tiny, capsys):
    _spoil(tiny.root / 'features/v2.npy', np.inf)
    for workers in ('0', '1'):
        assert (
            tiny.tool('train.py').main(
                [str(tiny.config), '--cfg-options', f'train_dataloader.num_workers={workers}']
            )
            == 1
        )
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith(f"train: {tiny.root}/features/v2.npy: video 'v2': expected finite")
    assert (
        tiny.tool('infer.py').main(
            [
                str(tiny.root / 'features/v2.npy'),
                str(tiny.config),
                str(tiny.weights()),
                '--out',
                str(tiny.root / 'out'),
                '--fps',
                '8',
                '--device',
                'cpu',
            ]
        )
        == 1
    )
    assert 'v2: FAILED: ' in (said := capsys.readouterr().err) and 'expected finite' in said


def test_weights_of_nan_are_said_and_end_in_failure(tiny, capsys):
    weights = str(tiny.weights(spoil=np.nan))
    words = 'class logits are NaN or infinite: look for such values in the checkpoint'
    assert tiny.tool('test.py').main([str(tiny.config), weights]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("test: video 'v4': ") and words in said
    out = tiny.root / 'out'
    assert (
        tiny.tool('infer.py').main(
            [
                str(tiny.root / 'features'),
                str(tiny.config),
                weights,
                '--out',
                str(out),
                '--fps',
                '8',
                '--device',
                'cpu',
                '--batch-size',
                '4',
            ]
        )
        == 1
    )
    said = capsys.readouterr().err
    assert all(f'v{i}: FAILED: video' in said for i in range(6)) and words in said


@pytest.mark.parametrize('rate', ['1e30', '1e12'])
def test_training_that_diverges_stops_with_the_last_good_checkpoint(tiny, capsys, rate):
    train = tiny.tool('train.py')
    assert (
        train.main(
            [str(tiny.config), '--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_begin=1']
        )
        == 0
    )
    capsys.readouterr()
    config = tiny.config.read_text().replace('max_epochs=2', 'max_epochs=9')
    tiny.config.write_text(config.replace('val_begin=2', 'val_begin=9'))
    assert (
        train.main(
            [
                str(tiny.config),
                '--cfg-options',
                f'optim_wrapper.optimizer.lr={rate}',
                f'load_from={tiny.root}/run/epoch_1.pth',
            ]
        )
        == 1
    )
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith('train: epoch ') and 'iteration' in said
    assert f'at the learning rate {float(rate):g}, with the videos v' in said
    assert 'training stops, and the last good checkpoint is' in said
    last = said.rpartition(' is ')[2]
    state = torch.load(last, weights_only=True)['state_dict']
    assert all(value.isfinite().all() for value in state.values())


# ------------------------------------------------------------------ widths and ranks
SAVERS = {
    '.npy': np.save,
    '.npz': np.savez,
    '.pt': lambda path, x: torch.save(torch.from_numpy(x), path),
    '.csv': lambda path, x: np.savetxt(path, x.reshape(len(x), -1), delimiter=','),
    '.h5': lambda path, x: path.write_bytes(_h5(lambda file: file.create_dataset('a', data=x))),
}


@pytest.mark.parametrize('suffix', SAVERS)
@pytest.mark.parametrize('shape', [(30, 4), (30, 6, 2), (30,)])
def test_widths_and_ranks_are_named_in_every_format(tiny, suffix, shape):
    from mmaction.registry import DATASETS
    from mmengine.config import Config

    features = tiny.root / 'features'
    for path in sorted(features.glob('*.npy')):
        array = np.load(path)
        path.unlink()
        SAVERS[suffix](path.with_suffix(suffix), array)
    SAVERS[suffix](features / f'v2{suffix}', np.ones(shape, 'f4'))
    settings = Config.fromfile(tiny.config).train_dataloader.dataset
    with pytest.raises(DataError) as caught:
        DATASETS.build(dict(settings, feature_suffix=suffix))
    text = str(caught.value)
    assert f'{features}/v2{suffix}' in text
    if len(shape) == 2 or suffix == '.csv':  # a table has two axes, whatever was saved
        width = 12 if shape == (30, 6, 2) else 4 if shape == (30, 4) else 1
        assert f'expected features of one width, found 6 (v0 and 2 more), {width} (v2)' in text
    else:
        assert f"video 'v2': expected a matrix of numbers, T x C, found shape {shape}" in text
