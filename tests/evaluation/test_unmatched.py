# SPDX-License-Identifier: Apache-2.0
"""Predictions that evaluation leaves out are said to be."""

import json
import logging

import numpy as np
import pytest

from tmx_plugin.evaluation import TALMetric
from tmx_plugin.evaluation.functional import describe_unmatched
from tmx_plugin.visualization.results import load_results


def test_counts_and_nearest_names():
    predicted = {'a': ['run', 'run', 'Jump'], 'b': ['Jump'], 'empty': []}
    assert describe_unmatched(predicted, ['Run', 'Jump'], ['a']) == [
        "2 of 4 predictions have a label without ground truth and are left out: 'run' (2; nearest: "
        "'Run')",
        '1 of 4 predictions are in videos that the annotations do not have in this subset, and '
        "count as false positives: 'b' (1)",
    ]
    assert describe_unmatched({'a': ['Run']}, ['Run'], ['a']) == []


def test_many_names_are_cut():
    (text,) = describe_unmatched({'a': list('pqrst')}, ['zzzz'], ['a'])
    assert text.endswith("'p' (1), 'q' (1), 'r' (1) and 2 more names")


@pytest.fixture
def logged(monkeypatch):
    """Warnings that were logged."""
    lines = []
    for module in ('tmx_plugin.visualization.results', 'tmx_plugin.evaluation.tal_metric'):
        monkeypatch.setattr(
            f'{module}.print_log',
            lambda text, logger, level=logging.INFO: (
                lines.append(text) if level == logging.WARNING else None
            ),
        )
    return lines


def test_report_warns_of_labels_in_another_case(tmp_path, logged):
    (tmp_path / 'gt.json').write_text(
        json.dumps(
            {
                'database': {
                    'a': {
                        'subset': 'test',
                        'duration': 9.0,
                        'annotations': [{'label': 'Run', 'segment': [1, 2]}],
                    }
                }
            }
        )
    )
    (tmp_path / 'pred.json').write_text(
        json.dumps({'results': {'a': [{'label': 'run', 'score': 0.5, 'segment': [1, 2]}]}})
    )
    load_results(tmp_path / 'pred.json', tmp_path / 'gt.json')
    assert len(logged) == 1 and '1 of 1 predictions have a label' in logged[0]
    assert "nearest: 'Run'" in logged[0]


@pytest.mark.parametrize('labels, warned', [([1, 1, 0], True), ([0, 0, 1], False)])
def test_metric_warns_where_most_predictions_are_left_out(labels, warned, logged):
    metric = TALMetric(tiou_thresholds=[0.5])
    metric.dataset_meta = dict(classes=('Run', 'Jump'))
    metric.process(
        None,
        [
            dict(
                video_id='a',
                gt_segments_sec=np.array([[1.0, 2.0]]),
                gt_segment_labels=np.array([0]),
                pred_instances=dict(
                    segments=np.array([[1.0, 2.0]] * 3),
                    scores=np.array([0.9, 0.8, 0.7]),
                    labels=np.array(labels),
                ),
            )
        ],
    )
    metric.evaluate(1)
    assert [('2 of 3 predictions' in line and "'Jump'" in line) for line in logged] == [
        True
    ] * warned
