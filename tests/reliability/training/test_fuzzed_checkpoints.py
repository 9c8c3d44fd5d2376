# SPDX-License-Identifier: Apache-2.0
"""Checkpoints with bytes changed at random: one kind of error comes out, or data.

TMX_FUZZ_EXAMPLES sets the number of files (``make fuzz``: 20,000).
"""

import io
import os
import resource
import zipfile
from datetime import timedelta

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.logging import HistoryBuffer

from tmx_plugin.engine.resume import check_resumable
from tmx_plugin.errors import CheckpointError
from tmx_plugin.models.checkpoint import load_checkpoint_file

EXAMPLES = int(os.environ.get('TMX_FUZZ_EXAMPLES', 400))
LIMIT_BYTES = 1 << 30


def written():
    """A checkpoint with all kinds of objects that may be in one, as parts of a zip file."""
    stream = io.BytesIO()
    torch.save(
        dict(
            state_dict=dict(a=torch.ones(3, 2), b=torch.tensor(1, dtype=torch.int64)),
            optimizer=dict(
                state={0: dict(exp_avg=torch.zeros(3))}, param_groups=[dict(params=[0])]
            ),
            meta=dict(epoch=1, iter=2, cfg='a = 1'),
            message_hub=dict(
                log_scalars=dict(loss=HistoryBuffer([1.0, 2.0], [1, 1])),
                runtime_info=dict(score=np.float64(3), ids=np.arange(3)),
                resumed_keys={},
            ),
        ),
        stream,
    )
    with zipfile.ZipFile(stream) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


PARTS = written()
PICKLE = next(name for name in PARTS if name.endswith('data.pkl'))
WHOLE = io.BytesIO()
with zipfile.ZipFile(WHOLE, 'w') as _archive:
    for _name, _content in PARTS.items():
        _archive.writestr(_name, _content)
CHANGES = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.integers(0, 8), st.binary(max_size=8)),
    min_size=1,
    max_size=4,
)


def changed(content, changes):
    """``content`` with ``count`` bytes replaced by others at each of some places."""
    content = bytearray(content)
    for place, count, new in changes:
        place %= len(content)
        content[place : place + count] = new
    return bytes(content)


def read(path):
    """Read as a tool does that resumes; whatever is wrong must be said by the one error."""
    said = str(path)
    try:
        check_resumable(load_checkpoint_file(path), path)
    except CheckpointError as error:
        said = str(error)
    assert str(path) in said and 'weights_only' not in said


@pytest.fixture
def little_memory():
    """No file may make its reader ask for a gigabyte more than there is in use."""
    with open('/proc/self/statm') as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=20),
    derandomize=EXAMPLES < 1000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)


@FUZZ
@given(changes=CHANGES)
def test_changed_objects(changes, tmp_path, little_memory):
    # the checksum is that of the changed part, so that it is read
    with zipfile.ZipFile(tmp_path / 'x.pth', 'w') as archive:
        for name, content in PARTS.items():
            archive.writestr(name, changed(content, changes) if name == PICKLE else content)
    read(tmp_path / 'x.pth')


@FUZZ
@given(changes=CHANGES)
def test_changed_files(changes, tmp_path, little_memory):
    (tmp_path / 'x.pth').write_bytes(changed(WHOLE.getvalue(), changes))
    read(tmp_path / 'x.pth')
    assert [path.name for path in tmp_path.iterdir()] == ['x.pth']
