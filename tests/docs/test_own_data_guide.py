# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of docs/own_data.md as they stand there, on less data and for two epochs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SMALLER = [
    ('--num-train 40 --num-val 10', '--num-train 8 --num-val 3'),
    (
        'optim_wrapper.optimizer.lr=1e-3',
        'optim_wrapper.optimizer.lr=1e-3 train_cfg.max_epochs=2 train_cfg.val_interval=1',
    ),
]


def commands(text):
    """Contents of the fenced bash blocks."""
    return re.findall(r'^```bash\n(.*?)^```', text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_guide_runs_from_features_and_a_csv_to_a_tested_model(repo, tmp_path):
    text = (repo / 'docs' / 'own_data.md').read_text()
    for old, new in SMALLER:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    for name in ('tools', 'configs', 'tmx_plugin'):
        (tmp_path / name).symlink_to(repo / name)
    env = dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(repo))
    env['PATH'] = os.pathsep.join([str(Path(sys.executable).parent), env['PATH']])
    outputs = []
    for command in commands(text):
        done = subprocess.run(
            ['bash', '-e', '-c', command],
            cwd=tmp_path,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, f'{command}\n{done.stdout[-4000:]}'
        outputs.append(done.stdout)
    assert len(outputs) == 6
    assert '5 classes' in outputs[2] and 'no problems found' in outputs[3]
    assert (tmp_path / 'durations.png').is_file()
    assert 'average_mAP' in outputs[5]
    assert list((tmp_path / 'pictures').glob('**/*.png'))


def test_guide_tells_the_lines_of_the_config(repo):
    guide = (repo / 'docs' / 'own_data.md').read_text()
    config = (repo / 'configs' / 'temporalmaxer' / 'custom.py').read_text()
    fill_in = config.split('fill in ')[1].split('may stay')[0]
    names = re.findall(r'^(\w+) = ', fill_in, flags=re.MULTILINE)
    step = guide.split('## 3. ')[1].split('## 4. ')[0]
    told = re.findall(r'^\| `(\w+)` \|', step, flags=re.MULTILINE)
    assert names == told


def test_json_of_the_guide_is_read(repo, tmp_path):
    from tmx_plugin.datasets.annotation_files import read_annotations

    guide = (repo / 'docs' / 'own_data.md').read_text()
    (content,) = re.findall(r'^```json\n(.*?)^```', guide, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / 'a.json').write_text(json.dumps(json.loads(content)))
    (video,) = read_annotations(tmp_path / 'a.json')
    assert (video.video_id, video.num_frames, video.labels) == ('VIDEO', 1012, ('Jump',))
