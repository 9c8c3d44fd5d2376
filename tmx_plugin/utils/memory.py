# SPDX-License-Identifier: Apache-2.0
"""How the process keeps memory."""

import ctypes
import sys

#: Parameters of glibc's mallopt, from <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory(largest: int = 2**30) -> bool:
    """Let the allocator keep freed memory, where it is glibc's.

    A training step frees and asks for the same hundreds of megabytes again. By default they go back
    to the operating system each time, which then clears every page anew: a tenth of a step on a
    CPU. Resident memory stays at its peak instead of falling between steps. Where the addresses
    behind the heap are taken, which differs from process to process, nothing is gained.

    Args:
        largest (int): Blocks up to this size, in bytes, are kept; larger ones are given back.

    Returns:
        bool: Whether the allocator took the setting.
    """
    if not sys.platform.startswith('linux'):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, largest)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
