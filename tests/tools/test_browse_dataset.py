# SPDX-License-Identifier: Apache-2.0
"""Pages of annotations, and FiftyOne datasets where it is installed."""

import json

import cv2
import numpy as np
import pytest
from tool_modules import load_module


@pytest.fixture
def browse(repo):
    return load_module(repo / 'tools/analysis/browse_dataset.py').main


@pytest.fixture
def files(tmp_path):
    def write(name, content):
        (tmp_path / name).write_text(json.dumps(content))
        return str(tmp_path / name)

    (tmp_path / 'videos').mkdir()
    writer = cv2.VideoWriter(
        str(tmp_path / 'videos' / 'a.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 10, (64, 48)
    )
    for _ in range(50):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    return (
        write(
            'gt.json',
            dict(
                database=dict(
                    a=dict(
                        subset='validation',
                        duration=5.0,
                        annotations=[
                            dict(label='run', segment=[1, 2]),
                            dict(label='sit', segment=[3, 4]),
                        ],
                    ),
                    b=dict(subset='training', duration=9.0, annotations=[]),
                )
            ),
        ),
        write(
            'det.json',
            dict(
                results=dict(
                    a=[
                        dict(label='run', segment=[1, 2.1], score=0.9),
                        dict(label='hop', segment=[3, 4], score=0.8),
                    ]
                )
            ),
        ),
        tmp_path,
    )


def page_data(path):
    text = path.read_text(encoding='utf-8')
    return json.loads(text.split('id="player-data">')[1].split('</script>')[0])


def test_page_of_annotations(browse, files, capsys):
    annotations, predictions, folder = files
    assert (
        browse([annotations, '--out', str(folder / 'page'), '--videos', str(folder / 'videos')])
        == 0
    )
    path = folder / 'page' / 'dataset.html'
    assert capsys.readouterr().out.strip() == str(path)
    data = page_data(path)
    assert data['classes'] == ['run', 'sit']
    assert [(each['name'], each['src'], each['gt']['s']) for each in data['videos']] == [
        ('a', '../videos/a.mp4', [1, 3]),
        ('b', None, []),
    ]
    assert (
        browse([annotations, '--out', str(folder), '--subset', 'val', '--predictions', predictions])
        == 0
    )
    data = page_data(folder / 'dataset.html')
    assert data['classes'] == ['hop', 'run', 'sit']
    assert len(data['videos']) == 1 and data['videos'][0]['det']['p'] == [0.9, 0.8]


def test_unknown_subset(browse, files, capsys):
    assert browse([files[0], '--out', str(files[2]), '--subset', 'test']) == 1
    assert "expected the subset 'test', found ['training', 'validation']" in (
        capsys.readouterr().err
    )


def test_fiftyone_is_asked_for(browse, files, capsys, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'fiftyone', None)
    assert browse([files[0], '--fiftyone', 'x', '--videos', str(files[2] / 'videos')]) == 1
    assert 'pip install "tmx_plugin[fiftyone]"' in capsys.readouterr().err


def test_fiftyone_detections_count_frames():
    fo = pytest.importorskip('fiftyone', reason='needs the package fiftyone')
    from tmx_plugin.exporters.fiftyone import _detections

    sample = fo.Sample(filepath='a.mp4')
    sample.metadata = fo.VideoMetadata(frame_rate=10.0, total_frame_count=50, duration=5.0)
    found = _detections(
        fo,
        [dict(label='run', segment=[1, 2]), dict(label='sit', segment=[3, 4], score=0.5)],
        sample,
    ).detections
    assert [(each.label, each.confidence) for each in found] == [('run', None), ('sit', 0.5)]
    np.testing.assert_allclose([each.support for each in found], [[11, 21], [31, 41]], atol=1)


@pytest.mark.slow
def test_fiftyone_evaluates_the_dataset(browse, files):
    fo = pytest.importorskip('fiftyone')
    try:
        fo.list_datasets()
    except Exception as error:  # it downloads its database at the first use
        pytest.skip(f'FiftyOne has no database here: {error}')
    annotations, predictions, folder = files
    name = f'tmx_plugin {folder}'
    try:
        assert (
            browse(
                [
                    annotations,
                    '--fiftyone',
                    name,
                    '--videos',
                    str(folder / 'videos'),
                    '--predictions',
                    predictions,
                ]
            )
            == 0
        )
        dataset = fo.load_dataset(name)
        sample = dataset.first()
        assert len(dataset) == 1 and sample.tags == ['validation']
        assert [each.label for each in sample.ground_truth.detections] == ['run', 'sit']
        result = dataset.evaluate_detections(
            'predictions', gt_field='ground_truth', iou=0.5, compute_mAP=False
        )
        assert result.metrics()['precision'] == 0.5 and result.metrics()['recall'] == 0.5
        assert (
            browse([annotations, '--fiftyone', name, '--videos', str(folder / 'videos')]) == 1
        )  # the name is taken
    finally:
        if fo.dataset_exists(name):
            fo.delete_dataset(name)
