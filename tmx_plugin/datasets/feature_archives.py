# SPDX-License-Identifier: Apache-2.0
"""Arrays in ``.npy``, ``.npz`` and ``.pt`` files, mapped where they are stored as they are.

What a file announces is compared with its size before memory is taken, and the types of its values
are told from a fixed list: no state of a NumPy type and no class comes from a file.
"""

import math
import os
import pickletools
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch

#: Most bytes that a compressed array may have once it is decompressed.
MAX_DECOMPRESSED = 1 << 30
#: Most bytes of the part of a ``.pt`` file that describes its tensors.
_MAX_PICKLE = 1 << 20
_ALLOWED_GLOBALS = {
    'collections OrderedDict',
    'torch._utils _rebuild_tensor_v2',
    'torch._utils _rebuild_parameter',
    *(
        f'torch {kind}Storage'
        for kind in ('Float', 'Double', 'Half', 'BFloat16', 'Byte', 'Char', 'Short', 'Int', 'Long')
    ),
}


def is_number_type(dtype: np.dtype) -> bool:
    """Whether a dtype is a plain float or integer of at most 8 bytes."""
    return dtype.kind in 'fiu' and dtype.itemsize <= 8


def read_npy(path: Path) -> np.ndarray:
    """Map a ``.npy`` file.

    Raises:
        ValueError: The header is not that of numbers, or the file has more or less than it says.
    """
    with open(path, 'rb') as file:
        return _map_array(path, file, os.path.getsize(path))


def npz_members(archive: zipfile.ZipFile) -> dict:
    """Members of an ``.npz`` archive by the names of their arrays.

    Raises:
        ValueError: Two arrays have one name.
    """
    members = {info.filename.removesuffix('.npy'): info for info in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise ValueError('several arrays of one name')
    return members


def read_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """Map an array of an ``.npz`` file, or decompress it.

    Raises:
        ValueError: It is not an array of numbers, or would need more than
            :data:`MAX_DECOMPRESSED` bytes.
    """
    if member.compress_type == zipfile.ZIP_STORED:
        with open(path, 'rb') as file:
            # A member starts with a header of 30 bytes that ends in the lengths of two more fields.
            file.seek(member.header_offset)
            lengths = struct.unpack('<HH', file.read(30)[26:])
            file.seek(sum(lengths), os.SEEK_CUR)
            return _map_array(path, file, file.tell() + member.file_size)
    if member.compress_type != zipfile.ZIP_DEFLATED:
        raise ValueError('an array that is neither stored nor deflated')
    if member.file_size > MAX_DECOMPRESSED:
        raise ValueError(
            f'an array of {member.file_size / 2**30:.1f} GiB when decompressed, more than the '
            f'limit of {MAX_DECOMPRESSED / 2**30:g} GiB; store it as .npy, which is not read whole'
        )
    with archive.open(member) as file:
        shape, order, dtype = _read_header(file, member.file_size)
        data = file.read()  # to the end, where the checksum is compared
        return np.frombuffer(data, dtype).reshape(shape, order=order)


def peek_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple:
    """Shape of an array of an ``.npz`` file, from its first bytes; arguments as above."""
    with archive.open(member) as file:
        return _read_header(file, member.file_size)[0]


def read_tensors(path: Path):
    """Content of a file of ``torch.save``: tensors, mapped, and plain data around them.

    Raises:
        ValueError: It holds anything else, is not a zip archive of stored members, as torch 1.6
            and newer write it, or a tensor reaches beyond its values.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = [member.filename.lower() for member in members]
        described = [m for m in members if m.filename.endswith('/data.pkl')]
        if len(set(names)) < len(names) or len(described) != 1:
            raise ValueError('an archive that torch did not write')
        if any(m.compress_type != zipfile.ZIP_STORED for m in members) or (
            sum(m.file_size for m in members) > os.path.getsize(path)
        ):
            raise ValueError('an archive with compressed or shared content')
        if described[0].file_size > _MAX_PICKLE:
            raise ValueError(
                f'{described[0].file_size} bytes about its tensors, more than the '
                f'limit of {_MAX_PICKLE}'
            )
        _check_globals(archive.read(described[0]))
    return torch.load(path, map_location='cpu', weights_only=True, mmap=True)


def tensor_to_array(tensor: torch.Tensor) -> np.ndarray:
    """Array of a tensor that a file describes, read-only.

    Raises:
        ValueError: The tensor is no plain one, or reaches beyond its values.
    """
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != 'cpu':
        raise ValueError(f'a tensor of layout {tensor.layout} on {tensor.device.type}')
    tensor = tensor.detach()
    reach = (
        tensor.storage_offset()
        + 1
        + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
    )
    values = tensor.untyped_storage().nbytes() // tensor.element_size()
    if any(stride < 0 for stride in tensor.stride()) or max(reach, tensor.numel()) > values:
        raise ValueError(f'a tensor {tuple(tensor.shape)} of {values} values')
    # numpy has no bfloat16.
    array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    array.flags.writeable = False
    return array


def damaged_member(path: Path):
    """Name of the first member of a zip archive that its checksum does not fit, or None."""
    with zipfile.ZipFile(path) as archive:
        return archive.testzip()


def _check_globals(pickled: bytes) -> None:
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name in ('GLOBAL', 'INST', 'STACK_GLOBAL', 'EXT1', 'EXT2', 'EXT4') and (
            argument not in _ALLOWED_GLOBALS
        ):
            raise ValueError(
                f'content that is no tensor ({str(argument).replace(" ", ".")}); '
                'nothing of it was run'
            )


def _read_header(file, size: int) -> tuple:
    """Shape, order and dtype of an array whose header and values have ``size`` bytes together."""
    start = file.tell() if file.seekable() else 0
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError('an array header that is not version 1.0, as all plain arrays have')
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if not is_number_type(dtype):
        raise ValueError('pickled objects' if dtype.hasobject else f'values of {dtype}')
    header = file.tell() - start
    announced = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or announced != size - header:
        raise ValueError(
            f'{size - header} bytes of values, where the header announces {announced} '
            f'for shape {shape} of {dtype}'
        )
    return shape, 'F' if fortran_order else 'C', dtype


def _map_array(path: Path, file, end: int) -> np.ndarray:
    """Map the array whose header starts where ``file`` stands and whose values end at ``end``."""
    start = file.tell()
    shape, order, dtype = _read_header(file, end - start)
    if end > os.path.getsize(path):
        raise ValueError(f'{os.path.getsize(path)} bytes, {end} announced')
    if 0 in shape:
        return np.empty(shape, dtype)  # nothing cannot be mapped
    return np.memmap(path, dtype, mode='r', offset=file.tell(), shape=shape, order=order)
