# SPDX-License-Identifier: Apache-2.0
"""Checks at the start of a run on datasets of files."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset

from tmx_plugin.datasets import DataError, TALDataset
from tmx_plugin.engine.hooks import DataCheckHook


@pytest.fixture
def build(tmp_path):
    """Builds a dataset of two videos with rgb features (20, 3) and flow features (T, 2)."""

    def build(flow_lengths=(20, 20), **kwargs):
        video = dict(
            subset='training', duration=84 / 8, annotations=[dict(label='run', segment=[1, 4])]
        )
        (tmp_path / 'a.json').write_text(json.dumps(dict(database=dict(a=video, b=video))))
        for folder in ('rgb', 'flow'):
            (tmp_path / folder).mkdir(exist_ok=True)
        for name, length in zip('ab', flow_lengths):
            np.save(tmp_path / 'rgb' / f'{name}.npy', np.ones((20, 3), np.float32))
            np.save(tmp_path / 'flow' / f'{name}.npy', np.ones((length, 2), np.float32))
        return TALDataset(
            ann_file='a.json',
            data_root=str(tmp_path),
            subset='training',
            fps=8,
            feature_stride=4,
            offset_frames=4,
            pipeline=[],
            data_prefix=dict(rgb='rgb', flow='flow'),
            **kwargs,
        )

    return build


def test_folders_of_different_lengths_are_a_warning(build, monkeypatch):
    said = []
    monkeypatch.setattr(
        'tmx_plugin.datasets.checks.findings.print_log', lambda message, *_: said.append(message)
    )
    build((20, 11))
    assert sum("found 20 and 11 features of video 'b'" in message for message in said) == 1


@pytest.mark.parametrize(
    'wrap', [lambda x: x, lambda x: RepeatDataset(x, 2), lambda x: ConcatDataset([x, x])]
)
def test_model_and_features_must_be_of_one_width(build, wrap):
    def start(in_channels, **kwargs):
        DataCheckHook().before_train(
            SimpleNamespace(
                cfg={},
                model=SimpleNamespace(neck=SimpleNamespace(in_channels=in_channels)),
                train_dataloader=SimpleNamespace(dataset=wrap(build(**kwargs))),
            )
        )

    start(5)
    start(2, channels=(3, 5))
    for kwargs, found in ((dict(), 5), (dict(channels=(0, 4)), 4)):
        with pytest.raises(
            DataError,
            match=r'a.json: expected features of 7 channels '
            rf"\(model.neck.in_channels\), found {found} in video 'a'",
        ):
            start(7, **kwargs)
