# SPDX-License-Identifier: Apache-2.0
"""The one way in for checkpoints: from a file, a URL, ``load_from``, ``--resume``, ``init_cfg``.

Nothing of a file is run. The same loader is registered for all of MMEngine's schemes.
"""

import hashlib
import http.client
import pickle
import re
import shutil
import urllib.error
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import torch
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as zoo
from mmengine.utils import digit_version

from ..errors import CheckpointError, MissingFileError
from ..utils.files import atomic_write
from .safe_objects import allowed_names

_TIMEOUT_SEC = 60


def load_checkpoint_file(path, map_location='cpu', verify: bool = True) -> dict:
    """Read a checkpoint without running any code that it may contain.

    Args:
        path (str | Path): File; or a URL, which is downloaded once.
        map_location: As for :func:`torch.load`. Defaults to ``'cpu'``.
        verify (bool): Compare the checksums that the file has, which torch does not look at, so
            that a flipped bit is found. Defaults to True.

    Returns:
        dict: Tensors and plain data, and MMEngine's log histories. A config that is stored as
        text is under ``meta['cfg']``, never under ``meta['config']``, which MMEngine would run.

    Raises:
        MissingFileError: There is no such file.
        CheckpointError: It is not a checkpoint, is damaged, or holds objects other than tensors
            and plain data; or the download failed.
    """
    path = local_checkpoint(path)
    try:
        if verify and zipfile.is_zipfile(path):
            _compare_checksums(path)
        with _safe_names():
            checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # of a file with any content whatever
        raise CheckpointError(
            f'{path} is not a checkpoint that can be read safely: '
            f'{_why_unreadable(error)}; nothing of it was run'
        ) from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(
            f'{path} holds a {type(checkpoint).__name__}, expected a dict with a state_dict'
        )
    meta = checkpoint.get('meta')
    if isinstance(meta, dict) and 'config' in meta:
        meta.setdefault('cfg', meta.pop('config'))
        meta.pop('config', None)
    return checkpoint


def _compare_checksums(path: Path) -> None:
    """Read a zip file once to the end.

    Raises:
        ValueError: A part differs from its checksum, or is larger than the file itself.
    """
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > path.stat().st_size:
            raise ValueError('its parts are compressed or overlap, expected stored ones')
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f'its part {damaged} differs from its checksum')


@contextmanager
def _safe_names():
    """Let torch answer the names of NumPy and MMEngine with stand-ins while one file is read."""
    if not _has_stand_ins():  # plain data only
        yield
        return
    with torch.serialization.safe_globals(allowed_names()):
        yield


def _has_stand_ins() -> bool:
    """Whether torch lets a name in a file stand for another object than its own."""
    return digit_version(torch.__version__) >= digit_version('2.6.0')


def _why_unreadable(error: Exception) -> str:
    """Torch's reason without its advice to load the file in a way that runs its code."""
    wanted = re.search(r'GLOBAL (\S+)', str(error))
    if isinstance(error, pickle.UnpicklingError) and wanted:
        reason = f'it asks for {wanted[1]}, expected tensors and plain data only'
        if not _has_stand_ins() and wanted[1] in {name for _, name in allowed_names()}:
            reason += (
                f" (MMEngine's own checkpoints can be read safely from torch 2.6 on, this is "
                f'{torch.__version__}; to test with one here, write its weights there with '
                'tools/convert/released_checkpoint.py)'
            )
        return reason
    own = isinstance(error, (ValueError, zipfile.BadZipFile)) and str(error).startswith('its ')
    shown = own or isinstance(error, (RuntimeError, OSError))
    reason = str(error).splitlines()[0] if shown and str(error) else ''
    return 'it is damaged, cut off or another kind of file' + (f' ({reason})' if reason else '')


def local_checkpoint(checkpoint) -> Path:
    """Path of a checkpoint file; one at a URL is downloaded first, once.

    Args:
        checkpoint (str | Path): A path, ``http(s)://...``, or one of MMEngine's model names
            ``torchvision://``, ``open-mmlab://`` and ``mmcls://``.

    Raises:
        MissingFileError: It is a path at which there is no file.
        CheckpointError: The scheme is not known, or the download failed.
    """
    name = str(checkpoint)
    if '://' in name:
        url = _url_of(name)
        # The whole URL counts: two that end in epoch_1.pth are two files.
        parts = Path(urlsplit(url).path)
        digest = hashlib.sha256(url.encode()).hexdigest()[:32]
        path = Path(
            torch.hub.get_dir(), 'checkpoints', f'{parts.stem[:80]}-{digest}{parts.suffix[:16]}'
        )
        if not path.is_file():
            print_log(f'Downloading {url} to {path}', 'current')
            _download(url, path)
        return path
    path = Path(name).expanduser()
    if not path.is_file():
        raise MissingFileError(f'There is no checkpoint {path}.')
    return path


def _url_of(name: str) -> str:
    scheme, _, model = name.partition('://')
    if scheme in ('http', 'https'):
        return name
    tables = {
        'torchvision': zoo.get_torchvision_models,
        'modelzoo': zoo.get_torchvision_models,
        'open-mmlab': zoo.get_external_models,
        'openmmlab': zoo.get_external_models,
        'mmcls': zoo.get_mmcls_models,
    }
    url = tables[scheme]().get(model, '') if scheme in tables else ''
    if not url.startswith(('http://', 'https://')):
        raise CheckpointError(
            f'{name}: no such checkpoint is known; expected a file or a URL that '
            'begins with http:// or https://'
        )
    return url


def _download(url: str, path: Path) -> None:
    """Download to ``path``, which appears only when all has come."""
    try:
        # http and https only: _url_of let nothing else through
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SEC) as source:  # nosec B310
            announced = source.headers.get('Content-Length')
            with atomic_write(path, 'wb') as file:
                shutil.copyfileobj(source, file)
                if announced is not None and file.tell() != int(announced):
                    raise CheckpointError(
                        f'{url}: the download was cut off after {file.tell()} of {announced} bytes'
                    )
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
        raise CheckpointError(f'{url} could not be downloaded: {error}') from error


def load_from_guarded(filename, map_location=None) -> dict:
    """As MMEngine calls its loaders; it shows the name without ``load_from_``."""
    checkpoint = load_checkpoint_file(filename, map_location or 'cpu')
    if str(filename).startswith('mmcls://'):
        checkpoint = zoo._process_mmcls_checkpoint(checkpoint)
    return checkpoint


for _scheme in list(CheckpointLoader._schemes):
    CheckpointLoader.register_scheme(_scheme, load_from_guarded, force=True)
