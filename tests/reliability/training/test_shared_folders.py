# SPDX-License-Identifier: Apache-2.0
"""Work directories and temporary folders that other processes use."""

import os
import re
import subprocess
import sys

import pytest
from hostile_files import RESUME, fingerprint, last_line

from tmx_plugin.engine import work_dir

pytestmark = pytest.mark.slow


def test_a_second_training_in_the_folder_is_refused(tools, trained):
    place = tools.place(copy=trained)
    before = fingerprint(place / 'A')
    work_dir.lock(place / 'A')
    try:
        out = tools.run(*RESUME, '--resume', cwd=place)
    finally:
        work_dir.unlock(place / 'A')
    assert out.status == 1 and re.search(
        rf'^train: Another training \(process {os.getpid()}\) runs in A; wait for its end, or give '
        'this one a --work-dir of its own',
        last_line(out),
    ), last_line(out)
    assert fingerprint(place / 'A') == before


def test_a_run_leaves_nothing_in_the_temporary_folder(tools, trained):
    # A process of its own, whose workers end with it, and the default workers.
    place = tools.place(copy=trained)
    (place / 'tmp').mkdir()
    out = subprocess.run(
        [
            sys.executable,
            tools.repo / 'tools/train.py',
            'tiny.py',
            '--work-dir',
            'new',
            '--cfg-options',
            *(
                f'{part}_dataloader.{option}'
                for part in ('train', 'val')
                for option in ('num_workers=1', 'persistent_workers=True')
            ),
        ],
        cwd=place,
        capture_output=True,
        text=True,
        env=dict(
            os.environ,
            OMP_NUM_THREADS='1',
            TMPDIR=str(place / 'tmp'),
            TORCHINDUCTOR_CACHE_DIR=str(place / 'cache'),  # torch keeps it for later processes
            PYTHONPATH=str(tools.repo),
        ),
    )
    assert out.returncode == 0, out.stderr[-2000:]
    assert [path.name for path in (place / 'tmp').iterdir()] == []
