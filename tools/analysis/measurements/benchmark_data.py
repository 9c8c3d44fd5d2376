# SPDX-License-Identifier: Apache-2.0
"""Time and memory of reading training samples from feature files of different kinds."""

import json
import statistics
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from measurements.benchmark_model import peak_memory
from tmx_plugin.datasets import TALDataset

#: How the features of a video are kept: suffix of the file, and whether memory holds a copy.
KINDS = {
    'npy': ('.npy', 'none'),
    'npz': ('.npz', 'none'),
    'npz_compressed': ('.npz', 'none'),
    'ram': ('.npy', 'ram'),
}
STRIDE = 16
FPS = 30


def training_samples(
    kind: str, runs: int, length: int = 6750, channels: int = 2304, max_seq_len: int = 2304
) -> dict:
    """Random windows of one long video, through the training pipeline.

    The files are in the page cache of the operating system, as in any but the first epoch where
    memory suffices.

    Args:
        kind (str): ``'npy'``, ``'npz'``, ``'npz_compressed'``, or ``'ram'``, which is npy and the
            dataset's ``cache='ram'``.
        runs (int): Samples to read.
        length (int): Grid length of the video; by default that of an hour of EPIC-Kitchens.
        channels (int): Channels of the features.
        max_seq_len (int): Largest window.

    Returns:
        dict: ``seconds`` a sample (median), ``memory``, the bytes by which the peak of resident
        memory rose since before the dataset was built, and ``sample``, the bytes of a sample.
    """
    suffix, cache = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _write(root, kind, length, channels)
        before, seconds = peak_memory(), []
        dataset = TALDataset(
            data_root=folder,
            ann_file='annotations.json',
            subset='training',
            cache=cache,
            feature_suffix=suffix,
            feature_stride=STRIDE,
            offset_frames=STRIDE,
            fps=FPS,
            pipeline=[
                dict(type='LoadFeatures'),
                dict(type='SegmentsToGrid'),
                dict(type='RandomTruncation', max_seq_len=max_seq_len),
                dict(type='PackTALInputs'),
            ],
        )
        for epoch in range(runs):
            dataset.set_epoch(epoch, seed=0)
            start = time.perf_counter()
            inputs = dataset[0]['inputs']
            seconds.append(time.perf_counter() - start)
    return dict(
        seconds=statistics.median(seconds),
        memory=peak_memory() - before,
        sample=inputs.numel() * inputs.element_size(),
    )


def _write(root: Path, kind: str, length: int, channels: int) -> None:
    """One video with an action every minute."""
    duration = (length + 1) * STRIDE / FPS
    actions = [
        dict(label='action', segment=[start, start + 5.0])
        for start in np.arange(0.0, duration - 5.0, 60.0)
    ]
    (root / 'annotations.json').write_text(
        json.dumps(
            dict(
                database=dict(video=dict(subset='training', duration=duration, annotations=actions))
            )
        )
    )
    (root / 'features').mkdir()
    if KINDS[kind][0] == '.npy':
        with open(root / 'features' / 'video.npy', 'wb') as file:
            _write_array(file, length, channels)
        return
    compression = zipfile.ZIP_STORED if kind == 'npz' else zipfile.ZIP_DEFLATED
    with (
        zipfile.ZipFile(root / 'features' / 'video.npz', 'w', compression) as archive,
        archive.open('feats.npy', 'w', force_zip64=True) as file,
    ):
        _write_array(file, length, channels)


def _write_array(file, length: int, channels: int) -> None:
    """A random (T, C) array, row by row: it must not count for the peak of the memory."""
    np.lib.format.write_array_header_1_0(
        file, dict(descr='<f4', fortran_order=False, shape=(length, channels))
    )
    rng = np.random.default_rng(0)
    for _ in range(length):
        file.write(rng.random(channels, dtype=np.float32).tobytes())
