# SPDX-License-Identifier: Apache-2.0
"""Readers under files of any content: a result or an error of the package, and no memory taken.

``TMX_FUZZ_SECONDS`` gives each reader more time than the second or two of the tests.
"""

import copy
import io
import json
import os
import resource
import time

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tmx_plugin.datasets.annotations import read_annotations
from tmx_plugin.datasets.feature_io import peek_shape, read_features
from tmx_plugin.datasets.feature_values import find_bad_values
from tmx_plugin.datasets.formats import FORMATS, guess_formats
from tmx_plugin.datasets.formats.video_info import VideoInfo
from tmx_plugin.datasets.side_file import read_side_file
from tmx_plugin.errors import TmxError
from tmx_plugin.exporters.activitynet import read_activitynet
from tmx_plugin.models.checkpoint_file import load_checkpoint_file

SECONDS = float(os.environ.get('TMX_FUZZ_SECONDS', 1.3))
MEMORY_MB = 1000
ARRAY = np.arange(12, dtype=np.float32).reshape(4, 3)


def _bytes(save):
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def _h5():
    h5py = pytest.importorskip('h5py')
    file = io.BytesIO()
    with h5py.File(file, 'w') as content:
        content['feats'] = ARRAY
    return file.getvalue()


DATABASE = {
    'database': {
        'v': {
            'subset': 'training',
            'duration': 9.5,
            'fps': 25,
            'frame': 237,
            'annotations': [{'label': 'run', 'segment': [1, 2.5]}],
        }
    }
}
PREDICTIONS = {
    'version': '1',
    'results': {'v': [{'label': 'run', 'score': 0.5, 'segment': [1, 2]}]},
}
TASKS = [
    {
        'data': {'video': 'v.mp4'},
        'annotations': [
            {
                'result': [
                    {
                        'id': 'a',
                        'from_name': 'videoLabels',
                        'to_name': 'video',
                        'type': 'timelinelabels',
                        'value': {'ranges': [{'start': 1, 'end': 25}], 'timelinelabels': ['run']},
                    }
                ]
            }
        ],
    }
]
TABLE = b'video,start,end,label,subset,duration,fps\nv,1,2.5,"run",training,9.5,25\n'
ELAN = (
    b'<?xml version="1.0"?><ANNOTATION_DOCUMENT><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="a" '
    b'TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="2000"/></TIME_ORDER><TIER '
    b'TIER_ID="t"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="x" TIME_SLOT_REF1="a" '
    b'TIME_SLOT_REF2="b"><ANNOTATION_VALUE>run</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>'
    b'</ANNOTATION></TIER></ANNOTATION_DOCUMENT>'
)


def _features(path):
    peek_shape(path)
    find_bad_values(read_features(path))


def _format(name, **options):
    return lambda path: FORMATS[name].read([path], videos=VideoInfo(), **options)


#: What is read: (name of the file, whole content or json, reader).
TARGETS = {
    'npy': ('x.npy', _bytes(lambda f: np.save(f, ARRAY)), _features),
    'npz': ('x.npz', _bytes(lambda f: np.savez(f, feats=ARRAY)), _features),
    'deflated npz': ('x.npz', _bytes(lambda f: np.savez_compressed(f, feats=ARRAY)), _features),
    'pt': ('x.pt', _bytes(lambda f: torch.save(torch.from_numpy(ARRAY), f)), _features),
    'h5': ('x.h5', _h5, _features),
    'csv features': ('x.csv', b'1,2,3\n4,5,6\n', _features),
    'checkpoint': (
        'x.pth',
        _bytes(
            lambda f: torch.save(dict(state_dict=dict(a=torch.zeros(2)), meta=dict(epoch=1)), f)
        ),
        load_checkpoint_file,
    ),
    'annotations': ('x.json', DATABASE, read_annotations),
    'predictions': ('x.json', PREDICTIONS, read_activitynet),
    'side file': (
        'x.json',
        {'fps': 25, 'duration': 3.5, 'stride': 4},
        lambda path: read_side_file(path.with_suffix('.npy')),
    ),
    'opentad': ('x.json', DATABASE, _format('opentad')),
    'label-studio': ('x.json', TASKS, _format('label-studio', fps=25)),
    'csv': ('x.csv', TABLE, _format('csv')),
    'elan': ('x.eaf', ELAN, _format('elan')),
    'frames-txt': ('x.txt', b'run\nrun\nwalk\n', _format('frames-txt', fps=15)),
    'guess': ('x.json', DATABASE, guess_formats),
}

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
def test_reads_or_refuses_in_words(tmp_path, name):
    file_name, content, read = TARGETS[name]
    content = content() if callable(content) else content
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
