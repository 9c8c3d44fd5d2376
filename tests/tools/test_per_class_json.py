# SPDX-License-Identifier: Apache-2.0
"""Detections by class and video, and MMAction2's own evaluation of the same files."""

import json
from collections import defaultdict

import numpy as np
import pytest
from mmaction.evaluation.functional.eval_detection import ActivityNetLocalization
from tool_modules import load_module

from tmx_plugin.evaluation.functional import average_precision, tables_from_activitynet
from tmx_plugin.visualization.report_data import Analysis
from tmx_plugin.visualization.results import load_results


@pytest.fixture(scope='module')
def convert(repo):
    return load_module(repo / 'tools/convert/per_class_json.py').main


def read(path):
    return json.loads(path.read_text(encoding='utf-8'))


def test_names_and_seconds(convert, tmp_path, capsys):
    (tmp_path / 'in.json').write_text(
        json.dumps(dict(gt={'1': {'7': [[0.1, 0.2]]}}, det={'0': {'7': [[0.5, 0.75, 0.9]]}}))
    )
    (tmp_path / 'classes.txt').write_text('run\nsit\n')
    (tmp_path / 'facts.json').write_text(
        json.dumps(dict(database=dict(v7=dict(subset='any', duration=100, annotations=[]))))
    )
    assert (
        convert(
            [
                str(tmp_path / 'in.json'),
                '--out',
                str(tmp_path),
                '--prefix',
                'v',
                '--classes',
                str(tmp_path / 'classes.txt'),
                '--durations',
                str(tmp_path / 'facts.json'),
            ]
        )
        == 0
    )
    assert read(tmp_path / 'annotations.json')['database'] == dict(
        v7=dict(subset='test', duration=100, annotations=[dict(label='sit', segment=[10, 20])])
    )
    assert read(tmp_path / 'predictions.json')['results'] == dict(
        v7=[dict(label='run', score=0.9, segment=[50, 75])]
    )


@pytest.mark.parametrize(
    'content, options, message',
    [
        ([], (), 'expected objects "gt" and "det"'),
        (dict(gt={}, det={'0': {'7': [[0, 1]]}}), (), 'video 7: expected 3 finite numbers'),
        (dict(gt={'9': {'7': [[0, 1]]}}, det={}), ('--classes', 'classes.txt'), 'numbers below 2'),
        (
            dict(gt={'0': {'7': [[0, 1]]}}, det={}),
            ('--durations', 'facts.json'),
            "video '7': expected its duration",
        ),
    ],
)
def test_what_is_wrong_is_named(convert, tmp_path, capsys, monkeypatch, content, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'in.json').write_text(json.dumps(content))
    (tmp_path / 'classes.txt').write_text('run\nsit\n')
    (tmp_path / 'facts.json').write_text(
        json.dumps(dict(database=dict(v7=dict(subset='any', duration=100, annotations=[]))))
    )
    assert convert(['in.json', '--out', 'out', *options]) == 1
    error = capsys.readouterr().err
    assert 'in.json' in error and message in error


@pytest.fixture(scope='module')
def autoloc(convert, shared_data, tmp_path_factory):
    """AutoLoc's detections on THUMOS-14 in the form of this package."""
    folder = tmp_path_factory.mktemp('autoloc')
    assert convert([str(shared_data / 'detections/autoloc_TH14.json'), '--out', str(folder)]) == 0
    return folder


def test_report_reproduces_what_its_authors_published(autoloc, shared_data):
    published = read(shared_data / 'detections/autoloc_TH14.json')
    results = load_results(autoloc / 'predictions.json', autoloc / 'annotations.json')
    document = Analysis(results, published['tious']).document()
    np.testing.assert_allclose(
        list(document['mAP'].values()), 100 * np.array(published['map']), atol=1e-5
    )
    assert document['num_gt'] == 3234
    # Ceilings and gains are above what was reached, each by its nature.
    assert all(
        part['average_mAP'] > document['average_mAP'] for part in document['ceilings'].values()
    )
    assert all(
        part['gain'] >= -1e-9 for part in list(document['false_positives']['kinds'].values())[1:]
    )
    kinds = document['false_positives']['kinds']
    assert sum(part['all'] for part in kinds.values()) == document['num_det']


def test_agrees_with_the_evaluation_of_mmaction2(autoloc, tmp_path):
    """On the same files, with distinct scores and with ground truth that repeats."""
    database = read(autoloc / 'annotations.json')['database']
    results = read(autoloc / 'predictions.json')['results']
    seen = defaultdict(int)
    for items in results.values():
        for item in items:  # equal scores come in opposite orders
            seen[item['label']] += 1
            item['score'] = round(item['score'], 6) + 1e-9 * seen[item['label']]
    for i, info in enumerate(database.values()):
        info['annotations'] += info['annotations'][: i % 3 == 0]
    truth, found = tmp_path / 'gt.json', tmp_path / 'det.json'
    truth.write_text(json.dumps({f'v_{name}': info for name, info in database.items()}))
    found.write_text(json.dumps(dict(results=results)))
    tious = [0.1, 0.3, 0.5, 0.7]
    theirs = ActivityNetLocalization(str(truth), str(found), np.array(tious))
    theirs.evaluate()
    gt, det, classes = tables_from_activitynet(dict(database=database), dict(results=results))
    labels, ap = average_precision(gt, det, tious, keep_repeats=True)
    order = [theirs.activity_index[classes[label]] for label in labels]
    np.testing.assert_allclose(ap, theirs.ap[:, order].T, atol=1e-12)
    assert np.abs(average_precision(gt, det, tious)[1] - ap).max() > 1e-3  # repeats matter
