# SPDX-License-Identifier: Apache-2.0
"""Readers under files of any content: a result or an error of the package, and no memory taken.

``TMX_FUZZ_SECONDS`` gives each reader more time than the half second of the tests.
"""

import copy
import json
import os
import resource
import time

import fuzz_targets
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tmx_plugin.datasets.formats import FORMATS
from tmx_plugin.errors import TmxError

TARGETS = fuzz_targets.TARGETS

SECONDS = float(os.environ.get('TMX_FUZZ_SECONDS', 0.6))
MEMORY_MB = 1000

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**400, -1, 0, 1e308, '\ud800', '\0', 'x' * 5000])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def _places(value, path=()):
    """Paths to all values in a json."""
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        yield from _places(item, (*path, key))


@st.composite
def changed_json(draw, content):
    """A json with one or two values replaced or removed."""
    content = [copy.deepcopy(content)]
    for _ in range(draw(st.integers(1, 2))):
        *parents, last = (0, *draw(st.sampled_from(list(_places(content[0])))))
        owner = content
        for key in parents:
            owner = owner[key]
        if parents and isinstance(owner, dict) and draw(st.booleans()):
            del owner[last]
        else:
            owner[last] = draw(values)
    return json.dumps(content[0]).encode()


@st.composite
def changed_bytes(draw, content):
    """Bytes with some cut off, put in, doubled or replaced."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(start + 16, len(data))))
        data[start:end] = draw(
            st.binary(max_size=8)
            | st.sampled_from(
                [b'\xff' * 8, b'\0' * 4, b'9' * 20, b'"', b'[' * 50, bytes(data[:start])]
            )
        )
        if draw(st.integers(0, 9)) == 0:
            del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', TARGETS)
def test_the_file_that_is_changed_can_be_read(tmp_path, name):
    target = TARGETS[name]
    (tmp_path / target.file).write_bytes(target.data)
    target.read(tmp_path / target.file)


def test_every_format_has_a_file_to_change():
    assert set(FORMATS) <= set(TARGETS)


def test_a_new_format_is_tried_on_the_files_of_the_others(tmp_path, monkeypatch):
    monkeypatch.setitem(FORMATS, 'new', FORMATS['csv'])
    targets = fuzz_targets._format_targets(tmp_path)
    assert len([name for name in targets if name.startswith('new as ')]) == len(
        fuzz_targets.examples.EXAMPLES
    )


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('name', TARGETS)
def test_reads_or_refuses_in_words(tmp_path, name):
    file_name, content, read = TARGETS[name]
    path = tmp_path / file_name
    if isinstance(content, bytes):
        cases = changed_bytes(content)
    else:
        cases = changed_json(content) | changed_bytes(json.dumps(content).encode())
    end, before = time.monotonic() + SECONDS, _peak_mb()

    @settings(
        max_examples=150,
        deadline=None,
        database=None,
        derandomize=SECONDS <= 5,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def one(data):
        if time.monotonic() > end:
            return
        path.unlink(missing_ok=True)  # mapped ones keep the old file
        path.write_bytes(data)
        try:
            read(path)
        except TmxError as error:
            str(error).encode('utf-8', 'surrogatepass')
        assert [each.name for each in tmp_path.iterdir()] == [file_name]
        assert path.read_bytes() == data

    one()
    while SECONDS > 5 and time.monotonic() < end:
        one()  # draws others each time
    assert _peak_mb() - before < MEMORY_MB
