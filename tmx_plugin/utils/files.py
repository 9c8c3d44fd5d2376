# SPDX-License-Identifier: Apache-2.0
"""Names of files, and writing them so that a half-written one can never be seen."""
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path


def file_name(video_id: str) -> str:
    """``video_id`` as the stem of a file: special characters but blanks become ``_``."""
    return re.sub(r'[^\w. -]', '_', video_id)


@contextmanager
def atomic_write(path, mode: str = 'w', **open_kwargs):
    """Open ``path`` for writing; it appears whole when the block ends, or not at all.

    The data go to a temporary file in the same folder (created if needed), which is
    renamed over ``path`` on success and removed on any error.

    Args:
        path (str | Path): The file to write.
        mode (str): ``'w'`` (text, UTF-8) or ``'wb'``.
        **open_kwargs: Passed to :func:`open`.

    Yields:
        IO: The open temporary file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if 'b' not in mode:
        open_kwargs.setdefault('encoding', 'utf-8')
    # The suffix stays last: savers such as matplotlib choose the format by it.
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f'.{path.stem}.', suffix=f'.part{path.suffix}')
    os.close(handle)
    # mkstemp makes private files; give the mode a plain open() would have given.
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(temporary, 0o666 & ~umask)
    try:
        with open(temporary, mode, **open_kwargs) as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
