# SPDX-License-Identifier: Apache-2.0
"""Content of feature files, crafted byte by byte."""

import io
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

GOOD = np.arange(12, dtype=np.float32).reshape(4, 3)


def npy_bytes(descr="'<f4'", shape='(4, 3)', values=None, version=1):
    values = GOOD.tobytes() if values is None else values
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    length = struct.pack('<H' if version == 1 else '<I', len(header))
    return b'\x93NUMPY' + bytes([version, 0]) + length + header + values


def npz_bytes(*members, method=zipfile.ZIP_STORED, announced=None):
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


class Call:
    """Pickled as the call of a function."""

    def __init__(self, function, *args, state=None):
        self.how = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.how


#: A dtype whose state puts an object outside of the item: numpy follows it and crashes.
def wild_dtype():
    state = (3, '|', None, ('f',), {'f': (np.dtype('O'), 1 << 40)}, 8, 1, 27)
    return Call(np.dtype, 'V8', state=state)


def torch_bytes(content, **options):
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def tensor(size, stride, offset=0):
    storage = torch.zeros(12).storage()
    return Call(
        torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, OrderedDict()
    )


def rezipped(method=zipfile.ZIP_STORED, extra=()):
    with zipfile.ZipFile(io.BytesIO(torch_bytes(torch.zeros(4, 3)))) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    return npz_bytes(*members, *extra, method=method)


def h5_bytes(make):
    h5py = pytest.importorskip('h5py')
    file = io.BytesIO()
    with h5py.File(file, 'w') as content:
        make(content)
    return file.getvalue()


def endless_h5(file):
    feats = file.create_dataset(
        'feats', (1 << 40, 1024), 'f4', chunks=(16, 1024), compression='gzip'
    )
    feats[:16] = 0


def elsewhere(file):
    file.create_dataset('feats', (4, 3), 'f4', external=[('/etc/passwd', 0, 48)])
