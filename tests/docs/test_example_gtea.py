# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of docs/example_gtea.md on the real data, for two epochs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def make_original_layout(source, target):
    """GTEA as the data set is published: labels a frame and bundles, from the json at hand."""
    for folder in ('groundTruth', 'splits'):
        (target / folder).mkdir(parents=True)
    (target / 'features').symlink_to(source / 'features' / 'split_1')
    database = json.loads((source / 'annotations' / 'split_1.json').read_text())['database']
    for name, video in database.items():
        labels = ['background'] * video['frame']
        for item in video['annotations']:
            start, end = (round(time * video['fps']) for time in item['segment'])
            labels[start:end] = [item['label']] * (end - start)
        (target / 'groundTruth' / f'{name}.txt').write_text('\n'.join(labels) + '\n')
    (target / 'splits' / 'test.split1.bundle').write_text(
        ''.join(
            f'{name}.txt\n' for name, video in database.items() if video['subset'] == 'validation'
        )
    )


@pytest.mark.slow
def test_example_runs_from_frame_labels_to_map(repo, shared_data, tmp_path):
    make_original_layout(shared_data / 'gtea', tmp_path / 'gtea')
    text = (repo / 'docs' / 'example_gtea.md').read_text()
    (config,) = re.findall(r'^```python\n(.*?)^```', text, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / 'my_gtea.py').write_text(config.replace('max_epochs=40', 'max_epochs=2'))
    for name in ('tools', 'configs', 'tmx_plugin'):
        (tmp_path / name).symlink_to(repo / name)
    env = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(repo))
    env['PATH'] = os.pathsep.join([str(Path(sys.executable).parent), env['PATH']])
    outputs = []
    for command in re.findall(r'^```bash\n(.*?)^```', text, flags=re.MULTILINE | re.DOTALL):
        done = subprocess.run(
            ['bash', '-e', '-c', command.replace('epoch_40', 'epoch_2')],
            cwd=tmp_path,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, f'{command}\n{done.stdout[-4000:]}'
        outputs.append(done.stdout)
    told = re.search(
        r'prints (\d+) videos with (\d+) segments for training, (\d+) videos with '
        r'(\d+) segments for validation, and\s+(\d+) classes',
        text,
    ).groups()
    assert f'training: {told[0]} videos, {told[1]} segments' in outputs[0]
    assert f'validation: {told[2]} videos, {told[3]} segments' in outputs[0]
    assert f'{told[4]} classes' in outputs[0]
    assert 'no problems found' in outputs[1]
    assert 'average_mAP' in outputs[3]
