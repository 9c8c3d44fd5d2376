# SPDX-License-Identifier: Apache-2.0
"""Checkpoints with NumPy objects and log histories: honest ones load, crafted ones are refused."""

import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub

from tmx_plugin.models.checkpoint import CheckpointError, load_checkpoint_file
from tmx_plugin.models.safe_objects import history_from_plain, history_to_plain, to_plain


def saved(path, content):
    torch.save(content, path)
    return path


def test_what_mmengine_writes_is_read(tmp_path):
    hub = MessageHub('hub')
    for value in (2.0, 4.0):
        hub.update_scalar('loss', value)
    hub.update_info('best_score', np.float64(3))
    hub.update_info('epoch', np.int64(3))
    state = load_checkpoint_file(saved(tmp_path / 'x.pth', hub.state_dict()))
    assert state['log_scalars']['loss'].mean() == 3.0
    assert state['runtime_info'] == dict(best_score=3.0, epoch=3)
    again = MessageHub('again')
    again.load_state_dict(state)
    again.update_scalar('loss', 6)
    assert again.get_scalar('loss').data[0].tolist() == [2, 4, 6]


@pytest.mark.parametrize(
    'array',
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array([1, 2], '>i2'),
        np.array(3, np.float16),
        np.zeros((0, 3)),
        np.array([True]),
    ],
)
def test_arrays_keep_their_values(array, tmp_path):
    found = load_checkpoint_file(saved(tmp_path / 'x.pth', dict(a=array)))['a']
    assert isinstance(found, np.ndarray) and found.dtype == array.dtype.newbyteorder('=')
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    'names', [(b'numpy._core.', b'numpy.core.'), (b'numpy.core.', b'numpy._core.')]
)
def test_checkpoints_of_the_other_numpy_load(names, tmp_path):
    # zip members carry a CRC, so the names are exchanged in the pickle before it is stored
    source = io.BytesIO()
    torch.save(dict(a=np.arange(3), b=np.float32(2)), source)
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(tmp_path / 'x.pth', 'w') as write:
        for name in read.namelist():
            write.writestr(name, read.read(name).replace(*names))
    found = load_checkpoint_file(tmp_path / 'x.pth')
    assert found['a'].tolist() == [0, 1, 2] and found['b'] == 2


class Call:
    """Pickles as a call of ``function``, with a state that is then set."""

    def __init__(self, function, *args, state=None):
        self.parts = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.parts


def crafted_dtype(state, code='V8'):
    return Call(np.dtype, code, False, True, state=state)


RECONSTRUCT = np.ndarray((0,)).__reduce__()[0]
SCALAR = np.float64(0).__reduce__()[0]
PLAIN = (3, '<', None, None, None, -1, -1, 0)


def array_of(dtype, shape=(1,), data=b'\x00' * 8):
    return Call(RECONSTRUCT, np.ndarray, (0,), b'b', state=(1, shape, dtype, False, data))


def history(**state):
    sound = dict(_log_history=np.ones(2), _count_history=np.ones(2), max_length=9)
    return Call(HistoryBuffer, state={**sound, **state})


CRAFTED = {
    'an object field outside the item': array_of(
        crafted_dtype((3, '|', None, ('a',), {'a': (np.dtype('O'), 10**9)}, 8, 1, 0))
    ),
    'an object field in the item': array_of(
        crafted_dtype((3, '|', None, ('a',), {'a': (np.dtype('O'), 0)}, 8, 1, 27))
    ),
    'a subarray': array_of(
        crafted_dtype((3, '|', (np.dtype('f8'), (10**9,)), None, None, 8, 1, 0))
    ),
    'objects': np.array([None, 1], object),
    'an item size of its own': array_of(
        crafted_dtype((3, '<', None, None, None, 10**9, 1, 0), 'f8')
    ),
    'flags of objects': array_of(crafted_dtype((3, '<', None, None, None, -1, -1, 63), 'f8')),
    'a shape of petabytes': array_of(crafted_dtype(PLAIN, 'f8'), (10**15,)),
    'a shape whose product wraps round': array_of(crafted_dtype(PLAIN, 'f8'), (2**61, 8, 1)),
    'a negative shape': array_of(crafted_dtype(PLAIN, 'f8'), (-1, -1)),
    'a state that is a type': crafted_dtype(np.ndarray, 'f8'),
    'a scalar that is cut off': Call(SCALAR, np.dtype('f8'), b'1'),
    'a scalar of objects': Call(SCALAR, np.dtype('O'), b'\x01' * 8),
    'a history of objects': history(_log_history=[None, None]),
    'a history of two lengths': history(_count_history=np.ones(3)),
    'a history without end': history(max_length='9'),
    'another attribute': Call(getattr, HistoryBuffer, '__init__'),
    'an attribute of an array': Call(getattr, np.ndarray, 'tofile'),
    'a command': Call(os.system, 'touch executed'),
}
LOAD = """
import sys
import tmx_plugin
from tmx_plugin.models.checkpoint import CheckpointError, load_checkpoint_file
for path in sys.argv[1:]:
    try:
        repr(load_checkpoint_file(path))
        print('loaded', path)
    except CheckpointError as error:
        print('refused', error)
"""


def test_crafted_states_are_refused_and_corrupt_nothing(tmp_path, repo):
    files = [saved(tmp_path / f'{i}.pth', dict(x=x)).name for i, x in enumerate(CRAFTED.values())]
    out = subprocess.run(
        [sys.executable, '-c', LOAD, *files],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        env=dict(os.environ, PYTHONPATH=str(repo)),
    )
    assert out.returncode == 0, out.stderr
    lines = [line for line in out.stdout.splitlines() if line.startswith(('refused', 'loaded'))]
    assert [line.split()[0] for line in lines] == ['refused'] * len(CRAFTED), lines
    assert not (tmp_path / 'executed').exists()


def test_a_checkpoint_cannot_redefine_the_statistics(tmp_path):
    mean = HistoryBuffer._statistics_methods['mean']
    path = saved(tmp_path / 'x.pth', dict(x=history(statistics_methods=dict(mean='max', sum=1))))
    found = load_checkpoint_file(path)['x']
    assert HistoryBuffer._statistics_methods['mean'] is mean
    assert 'sum' not in HistoryBuffer._statistics_methods and found.statistics('mean') == 1


def test_plain_data_loads_without_any_safe_list(tmp_path):
    buffer = HistoryBuffer([1.0, 2.0, 3.0], [1, 1, 1])
    dropped = []
    plain = to_plain(
        dict(a=buffer, b=np.float64(2), c=(np.arange(2), {'x'}), d=object()), 'hub', dropped
    )
    assert dropped == ['hub.d'] and plain['d'] is None and plain['c'] == ([0, 1], ['x'])
    assert type(plain['b']) is float
    path = saved(tmp_path / 'x.pth', plain)
    code = f'import torch; print(torch.load({str(path)!r}, weights_only=True)["b"])'
    out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert out.stdout.strip() == '2.0', out.stderr
    found = history_from_plain(load_checkpoint_file(path)['a'])
    for ours, theirs in zip(found.data, buffer.data):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert history_to_plain(found)['max_length'] == buffer.max_length


def test_a_stored_config_is_kept_as_text_under_a_name_that_nothing_runs(tmp_path):
    path = saved(tmp_path / 'x.pth', dict(meta=dict(config='import os'), state_dict={}))
    assert load_checkpoint_file(path)['meta'] == dict(cfg='import os')


@pytest.mark.parametrize('verify', [True, False])
def test_a_flipped_bit_is_found(verify, tmp_path):
    path = saved(tmp_path / 'x.pth', dict(state_dict=dict(a=torch.ones(1000))))
    content = bytearray(path.read_bytes())
    content[content.index(torch.ones(1000).numpy().tobytes()) + 2001] ^= 4
    path.write_bytes(content)
    if verify:
        with pytest.raises(CheckpointError, match='part x/data/0 differs from its checksum'):
            load_checkpoint_file(path)
    else:
        assert load_checkpoint_file(path, verify=False)['state_dict']['a'].sum() != 1000


def test_compressed_parts_are_refused(tmp_path):
    source = saved(tmp_path / 'x.pth', dict(a=torch.zeros(10**6)))
    bomb = tmp_path / 'bomb.pth'
    with zipfile.ZipFile(source) as read, zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as write:
        for name in read.namelist():
            write.writestr(name, read.read(name))
    assert bomb.stat().st_size < 10**5
    with pytest.raises(CheckpointError, match='compressed or overlap'):
        load_checkpoint_file(bomb)
