#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Turn the official HAPT archive into features, annotations and a class list.

    python tools/data/prepare_hapt.py HAPT_ZIP_OR_FOLDER data/hapt

A feature is one window of 1 s (50 samples of accelerometer x, y, z and gyroscope x, y, z, in the
units of the archive), flattened to 300 numbers; windows start every 0.5 s. The split by person is
the archive's own: recordings of its test persons are ``validation``.
"""

import argparse
import json
import re
import sys
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]  # the repository, or .mim of an installed package
if (ROOT / 'tmx_plugin').is_dir():
    sys.path.insert(0, str(ROOT))

FPS = 50
WINDOW = 50
STRIDE = 25
RECORDING = re.compile(r'acc_exp(\d+)_user(\d+)\.txt')


def bad_source(source, text: str) -> ValueError:
    """What to raise of a source that is not as the archive should be."""
    from tmx_plugin.errors import DataError

    return DataError(f'{source}: {text}')


class Archive:
    """The text files of the data set, by name, from its zip or its unpacked folder.

    A zip is read in place: nothing is unpacked, so names in it cannot reach outside.

    Args:
        source (str | Path): The zip file or folder.

    Raises:
        DataError: The source is neither, or holds no recordings.
    """

    def __init__(self, source) -> None:
        self.source = Path(source)
        self.zip = None
        if self.source.is_dir():
            paths = [p.as_posix() for p in sorted(self.source.rglob('*.txt'))]
        elif zipfile.is_zipfile(self.source):
            self.zip = zipfile.ZipFile(self.source)
            paths = sorted(self.zip.namelist())
        else:
            raise bad_source(self.source, 'expected the HAPT zip file or its unpacked folder')
        # Archives differ in their top folder (and in "RawData" or "Raw-Data"), not in file names.
        self.paths = {PurePosixPath(p).name: p for p in paths if '__MACOSX' not in p}
        self.recordings = sorted(name for name in self.paths if RECORDING.fullmatch(name))
        if not self.recordings:
            raise bad_source(
                self.source,
                'expected recordings acc_expNN_userNN.txt, found none '
                'among ' + ', '.join(sorted(self.paths)[:5] or ['no text files']),
            )

    def open(self, name: str):
        """Open a file by its bare name, for reading bytes."""
        if name not in self.paths:
            raise bad_source(self.source, f'expected a file {name}, found none of that name')
        path = self.paths[name]
        return self.zip.open(path) if self.zip else open(path, 'rb')

    def numbers(self, name: str, columns: int, dtype=float):
        """Read a file of numbers separated by blanks, as an (N, columns) array."""
        import numpy as np

        with self.open(name) as file:
            try:
                table = np.loadtxt(file, dtype=dtype, ndmin=2)
            except ValueError as error:
                raise bad_source(self.source, f'{name}: expected numbers: {error}') from error
        if table.shape[1] != columns:
            raise bad_source(
                self.source, f'{name}: expected {columns} columns, found {table.shape[1]}'
            )
        return table


def window_features(signals):
    """Flatten overlapping windows of (N, 6) signals into (T, 300) float32 features."""
    import numpy as np

    windows = np.lib.stride_tricks.sliding_window_view(signals, WINDOW, axis=0)[::STRIDE]
    # (T, 6, 50) -> sample after sample, each with its six values
    return windows.transpose(0, 2, 1).reshape(len(windows), -1).astype(np.float32)


def read_signals(archive: Archive, name: str):
    """Accelerometer and gyroscope of a recording, side by side: (N, 6)."""
    import numpy as np

    acceleration = archive.numbers(name, 3)
    rotation = archive.numbers(name.replace('acc_', 'gyro_'), 3)
    if len(acceleration) != len(rotation):
        raise bad_source(
            archive.source,
            f'{name}: expected as many samples as its gyroscope '
            f'file, found {len(acceleration)} and {len(rotation)}',
        )
    if len(acceleration) < WINDOW:
        raise bad_source(
            archive.source, f'{name}: expected at least {WINDOW} samples, found {len(acceleration)}'
        )
    return np.concatenate([acceleration, rotation], axis=1)


def read_classes(archive: Archive) -> list:
    """Names of the activities, in the order of their numbers 1, 2, ..."""
    with archive.open('activity_labels.txt') as file:
        pairs = [line.split() for line in file.read().decode('utf-8').splitlines() if line.strip()]
    if [pair[0] for pair in pairs] != [str(i + 1) for i in range(len(pairs))]:
        raise bad_source(
            archive.source,
            f'activity_labels.txt: expected lines "NUMBER NAME" counting from 1, found {pairs}',
        )
    return [pair[1] for pair in pairs]


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', help='the HAPT zip file, or its unpacked folder')
    parser.add_argument('out', help='folder to write, usually data/hapt')
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def prepare(source, out) -> None:
    """Write features, annotations and the class list below ``out``."""
    from mmengine.utils import track_iter_progress

    from tmx_plugin.utils.files import atomic_write, save_array

    archive, out = Archive(source), Path(out)
    classes = read_classes(archive)
    labels = archive.numbers('labels.txt', 5, dtype=int)
    unknown = sorted(set(labels[:, 2].tolist()) - set(range(1, len(classes) + 1)))
    if unknown:
        raise bad_source(
            source, f'labels.txt: expected activities 1 to {len(classes)}, found {unknown[0]}'
        )
    test_persons = set(archive.numbers('subject_id_test.txt', 1, dtype=int).ravel().tolist())
    database = {}
    for name in track_iter_progress(archive.recordings, file=sys.stderr):
        recording, person = map(int, RECORDING.fullmatch(name).groups())
        signals = read_signals(archive, name)
        video = name[len('acc_') : -len('.txt')]
        save_array(out / 'features' / f'{video}.npy', window_features(signals))
        rows = labels[(labels[:, 0] == recording) & (labels[:, 1] == person)]
        database[video] = dict(
            subset='validation' if person in test_persons else 'training',
            duration=len(signals) / FPS,
            frame=len(signals),
            fps=FPS,
            # The archive counts samples from 1 and includes the last one.
            annotations=[
                dict(label=classes[label - 1], segment=[(start - 1) / FPS, end / FPS])
                for label, start, end in rows[:, 2:].tolist()
            ],
        )
    with atomic_write(out / 'annotations' / 'classes.txt') as file:
        file.write('\n'.join(classes) + '\n')
    # Last, so that annotations are there only when all they name is.
    with atomic_write(out / 'annotations' / 'hapt.json') as file:
        json.dump(dict(version='HAPT 2.1', database=database), file, indent=1)
    print_summary(out, database)


def print_summary(out: Path, database: dict) -> None:
    """Say what was written."""
    for subset in ('training', 'validation'):
        videos = [x for x in database.values() if x['subset'] == subset]
        print(
            f'{subset}: {len(videos)} recordings, '
            f'{sum(len(x["annotations"]) for x in videos)} segments'
        )
    print(f'written to {out}')


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(lambda args: prepare(args.source, args.out), 'prepare_hapt', args)


if __name__ == '__main__':
    sys.exit(main())
