# SPDX-License-Identifier: Apache-2.0
"""THUMOS-14 at its full size: real annotations, real feature lengths, generated narrow features.

One epoch and one evaluation through the tools and the published configuration, at a narrow width.
"""

import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

from tmx_plugin.datasets import formats

CHANNELS, WIDTH = 32, 32
NARROW = [
    f'model.neck.in_channels={CHANNELS}',
    f'model.neck.out_channels={WIDTH}',
    f'model.head.in_channels={WIDTH}',
    f'model.head.feat_channels={WIDTH}',
]


def make_thumos(folder, root):
    """413 videos in the layout of the configuration, features drawn at random."""
    document = formats.read_opentad([folder / 'thumos_14_anno.json'])
    formats.write_document(document, root / 'annotations' / 'thumos14.json')
    lengths = json.loads((folder / 'i3d_stride4_feature_lengths.json').read_text())
    features = root / 'features' / 'i3d'
    features.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, facts in lengths.items():
        array = rng.standard_normal((facts['feature_length'], CHANNELS), dtype=np.float32)
        np.save(features / f'{name}.npy', array)
    return len(lengths)


# The system's own figure would count the memory of the process that starts the tool.
MEASURED = """
import runpy, sys
del sys.argv[0]
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
finally:
    print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists('/proc/self/status'), reason='memory is read from /proc')
def test_one_epoch_and_evaluation(shared_data, repo, tmp_path):
    assert make_thumos(shared_data / 'thumos14', tmp_path / 'data' / 'thumos14') == 413
    env = dict(os.environ, PYTHONPATH=str(repo), OMP_NUM_THREADS='2')
    start = time.perf_counter()
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            MEASURED,
            str(repo / 'tools' / 'train.py'),
            'thumos_i3d',
            '--work-dir',
            'run',
            '--cfg-options',
            *NARROW,
            'train_cfg.max_epochs=1',
            'train_cfg.val_begin=1',
        ],
        cwd=tmp_path,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    seconds = time.perf_counter() - start
    output = done.stdout
    assert done.returncode == 0, output[-4000:]
    peak = int(re.search(r'VmHWM:\s+(\d+) kB', output)[1]) / 2**20
    assert re.search(r'Epoch\(train\)\s+\[1\]\[100/100\]', output)  # 200 videos by two
    assert re.search(r'Epoch\(val\)\s+\[1\]\[213/213\]', output)
    assert 'average_mAP' in output
    print(f'\nTHUMOS-14 at full size, width {WIDTH}: {seconds:.0f} s, peak {peak:.2f} GiB')
    assert peak < 2
