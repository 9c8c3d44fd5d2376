# SPDX-License-Identifier: Apache-2.0
"""All readers of files, each with a small file that it reads; used by both kinds of fuzzing.

The formats of annotations are those of the registry: a new one is tried without a line here, on the
examples of all others until it has one of its own.
"""

import importlib.util
import io
import json
import tempfile
from pathlib import Path
from typing import Callable, NamedTuple

import format_examples as examples
import numpy as np
import torch

from tmx_plugin.datasets.annotation_files import read_annotations, read_class_list
from tmx_plugin.datasets.feature_io import peek_shape, read_features
from tmx_plugin.datasets.feature_values import find_bad_values
from tmx_plugin.datasets.formats import FORMATS, guess_formats
from tmx_plugin.datasets.formats.charades import read_class_names
from tmx_plugin.datasets.formats.epic import read_class_csv
from tmx_plugin.datasets.formats.frames_txt import read_mapping
from tmx_plugin.datasets.formats.per_class_json import read_per_class_json
from tmx_plugin.datasets.formats.video_info import VideoInfo
from tmx_plugin.datasets.side_file import read_side_file
from tmx_plugin.exporters.activitynet import read_activitynet
from tmx_plugin.models.checkpoint_file import load_checkpoint_file
from tmx_plugin.visualization.thresholds import read_thresholds

ARRAY = np.arange(12, dtype=np.float32).reshape(4, 3)
PREDICTIONS = {
    'version': '1',
    'results': {'v': [{'label': 'run', 'score': 0.5, 'segment': [1, 2]}]},
}
PER_CLASS = {'gt': {'1': {'7': [[1, 2]]}}, 'det': {'0': {'7': [[5, 7, 0.9]]}}}


class Target(NamedTuple):
    """A reader: name of its file, content that it takes (bytes, or what json holds), function."""

    file: str
    content: object
    read: Callable

    @property
    def data(self) -> bytes:
        """The content as it is in the file."""
        return (
            self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()
        )


def _bytes(save) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def _features(path):
    peek_shape(path)
    find_bad_values(read_features(path))


def _feature_targets() -> dict:
    targets = {
        'npy': Target('x.npy', _bytes(lambda f: np.save(f, ARRAY)), _features),
        'npz': Target('x.npz', _bytes(lambda f: np.savez(f, feats=ARRAY)), _features),
        'deflated npz': Target(
            'x.npz', _bytes(lambda f: np.savez_compressed(f, feats=ARRAY)), _features
        ),
        'pt': Target('x.pt', _bytes(lambda f: torch.save(torch.from_numpy(ARRAY), f)), _features),
        'csv features': Target('x.csv', b'1,2,3\n4,5,6\n', _features),
    }
    if importlib.util.find_spec('h5py'):
        import h5py

        def save(file):
            with h5py.File(file, 'w') as content:
                content['feats'] = ARRAY

        targets['h5'] = Target('x.h5', _bytes(save), _features)
    return targets


def _format_targets(folder: Path) -> dict:
    """A target a format, and one for each example where a format has none of its own."""
    durations = folder / 'durations.json'
    durations.write_text(json.dumps(examples.DURATIONS))
    targets = {}
    for name, known in FORMATS.items():
        own = examples.EXAMPLES.get(name)
        for other, example in {name: own}.items() if own else examples.EXAMPLES.items():
            file, content, options = example
            beside = folder / other
            beside.mkdir(exist_ok=True)
            options = examples.options_in(beside, options) if own else {}

            def read(path, known=known, options=options):
                known.read([path], videos=VideoInfo([durations]), **options)

            targets[name if own else f'{name} as {other}'] = Target(
                file, content.encode() if isinstance(content, str) else content, read
            )
    return targets


def _facts(path):
    VideoInfo([path]).require('v', path)


#: By name; files that readers need besides the one that changes lie in a folder of their own.
_FOLDER = tempfile.TemporaryDirectory(prefix='fuzz_')
TARGETS = {
    **_feature_targets(),
    **_format_targets(Path(_FOLDER.name)),
    'checkpoint': Target(
        'x.pth',
        _bytes(lambda f: torch.save(dict(state_dict=dict(a=torch.zeros(2)), meta={}), f)),
        load_checkpoint_file,
    ),
    'annotations': Target('x.json', examples.DATABASE, read_annotations),
    'predictions': Target('x.json', PREDICTIONS, read_activitynet),
    'per class': Target('x.json', PER_CLASS, read_per_class_json),
    'side file': Target(
        'x.json',
        {'fps': 25, 'duration': 3.5, 'stride': 4},
        lambda path: read_side_file(path.with_suffix('.npy')),
    ),
    'durations': Target('x.json', {'v': {'duration': 5, 'frame': 150}, 'w': 3}, _facts),
    'table of durations': Target('x.csv', b'video_id,duration,fps\nv,9.5,50.0\n', _facts),
    'class list': Target('x.txt', b'run\nwalk\n', read_class_list),
    'mapping': Target('x.txt', b'0 run\n1 walk\n', read_mapping),
    'class names': Target('x.txt', b'c000 run\nc001 walk\n', read_class_names),
    'class table': Target('x.csv', b"id,key,instances\n0,take,\"['a', 'b']\"\n", read_class_csv),
    'thresholds': Target(
        'x.json',
        {'tiou': 0.5, 'default': 0.3, 'classes': {'run': 0.5}},
        lambda path: read_thresholds(path).of(('run', 'walk')),
    ),
    'guess': Target('x.json', examples.DATABASE, guess_formats),
}
