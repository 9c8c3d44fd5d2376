# SPDX-License-Identifier: Apache-2.0
"""The report on real detections and on small made-up ones."""

import json

import numpy as np
import pytest
from report_files import Page, write

from tmx_plugin.errors import DataError
from tmx_plugin.visualization.results import load_results


def test_report_on_made_up_predictions(tools, files, tmp_path, capsys):
    assert tools['report'].main([*files, '--out', str(tmp_path / 'r'), '--tious', '.5', '.9']) == 0
    # jump: a miss before the hit, 1 of 2 found: 0.25. sit: 8 of 10 s, found at .5 only.
    assert capsys.readouterr().out.splitlines() == [
        'average_mAP 37.50  mAP@0.5 62.50  mAP@0.9 12.50',
        str(tmp_path / 'r/report.html'),
    ]
    page = Page((tmp_path / 'r/report.html').read_text(encoding='utf-8'))
    assert {
        'map',
        'classes',
        'operating',
        'errors',
        'misses',
        'sensitivity',
        'ceilings',
        'confusion',
        'videos',
        'player',
    } <= set(page.ids)
    assert '<b>jump & $run$</b>' in page.texts  # as text, so it was escaped
    assert '62.50' in page.texts and 'a/1' in page.texts
    assert all(link.startswith('#') for link in page.links)  # nothing is loaded from elsewhere
    player = json.loads(page.scripts['player-data'])
    assert [video['name'] for video in player['videos']] == ['b', 'a/1']  # worst first
    assert player['videos'][1]['det'] == dict(
        s=[0, 20], e=[10, 28], l=[0, 1], p=[0.9, 0.8], k=[0, 0]
    )
    assert player['videos'][0]['gt']['f'] == [None]


def test_report_json_by_hand(tools, files, tmp_path):
    thresholds = tmp_path / 'thresholds.json'
    assert (
        tools['report'].main(
            [*files, '--out', str(tmp_path), '--tious', '.5', '.9', '--thresholds', str(thresholds)]
        )
        == 0
    )
    report = json.loads((tmp_path / 'report.json').read_text())
    jump = '<b>jump & $run$</b>'
    assert report['average_mAP'] == 37.5 and report['mAP'] == {'0.5': 62.5, '0.9': 12.5}
    assert [row['name'] for row in report['classes']] == ['sit', jump]
    assert report['classes'][1]['AP'] == {'0.5': 25, '0.9': 25}
    assert report['operating_points']['classes'] == {
        jump: dict(threshold=0.45, precision=0.5, recall=0.5, f1=0.5),
        'sit': dict(threshold=0.4, precision=1, recall=1, f1=1),
    }
    kinds = report['false_positives']['kinds']
    assert report['false_positives']['rule'] == 'detad'
    assert kinds['true positive']['all'] == 2 and kinds['background']['all'] == 1
    # Without the wrong jump its AP is .5 at both; without the poor sit nothing changes.
    assert kinds['background']['gain'] == pytest.approx(12.5)
    assert kinds['localization']['gain'] == pytest.approx(0)
    assert report['false_negatives']['all']['never_found'] == pytest.approx((1 + 2) / 6)
    assert report['ceilings']['boundaries']['average_mAP'] == pytest.approx((0.25 + 1) / 2 * 100)
    assert report['ceilings']['scores']['average_mAP'] == pytest.approx((75 + 25) / 2)
    assert report['confusion']['counts'] == [[1, 0], [0, 1]]
    assert [
        (row['name'], row['average_mAP'], row['false_alarms'], row['misses'])
        for row in report['videos']
    ] == [('b', 0, 1, 1), ('a/1', 75, 0, 0)]
    assert set(report) >= {'sensitivity', 'calibration', 'average_recall', 'durations', 'curves'}
    assert json.loads(thresholds.read_text()) == dict(
        tiou=0.5, default=0.4, classes={jump: 0.45, 'sit': 0.4}
    )


def test_other_rule_and_groups(tools, files, tmp_path):
    assert (
        tools['report'].main(
            [*files, '--out', str(tmp_path), '--rule', 'own-label', '--buckets', 'activitynet']
        )
        == 0
    )
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['false_positives']['rule'] == 'own label'
    assert report['sensitivity']['length'][0]['bucket'] == 'up to 30 s'


def test_comparison_by_hand(tools, files, tmp_path):
    item = dict(label='sit', segment=[20, 30], score=0.5)
    other = write(tmp_path / 'other.json', dict(results={'a/1': [item], 'b': []}))
    assert (
        tools['report'].main([*files, '--out', str(tmp_path), '--tious', '.5', '--compare', other])
        == 0
    )
    found = json.loads((tmp_path / 'report.json').read_text())['comparison']
    assert found['name'] == 'other.json' and found['average_mAP'] == [62.5, 50]
    assert found['difference'] == 12.5
    jump, sit = found['classes']
    assert (jump['AP'], jump['gained'], jump['lost']) == ([25, 0], 1, 0)
    assert (sit['AP'], sit['gained'], sit['lost']) == ([100, 100], 0, 0)
    # Two videos: both twice or each once; with only "b" both are 0, with only "a/1" jump is new.
    assert found['interval'][0] == 0 and found['interval'][1] == 50
    assert found['kinds']['background']['best_G'] == [1, 0]


def test_same_predictions_differ_by_nothing(files, tmp_path):
    from tmx_plugin.visualization.comparison import compare
    from tmx_plugin.visualization.report_data import Analysis

    analysis = Analysis(load_results(*files), [0.5])
    found = compare(analysis, analysis, rounds=20)
    assert found['difference'] == 0 and found['interval'] == [0, 0]
    less = write(
        tmp_path / 'less.json',
        dict(
            database={
                'b': dict(
                    subset='Validation',
                    duration=20.0,
                    annotations=[dict(label='sit', segment=[1, 2])],
                )
            }
        ),
    )
    with pytest.raises(DataError, match='same ground truth'):
        compare(analysis, Analysis(load_results(files[0], less), [0.5]))


def test_videos_are_linked_and_predictions_limited(tools, files, tmp_path, capsys):
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos' / 'a_1.mp4').write_bytes(b'')
    assert (
        tools['report'].main(
            [
                *files,
                '--out',
                str(tmp_path / 'r'),
                '--top-k',
                '1',
                '--videos',
                str(tmp_path / 'videos'),
            ]
        )
        == 0
    )
    page = Page((tmp_path / 'r/report.html').read_text(encoding='utf-8'))
    videos = json.loads(page.scripts['player-data'])['videos']
    assert {video['name']: video['src'] for video in videos} == {
        'a/1': '../videos/a_1.mp4',
        'b': None,
    }
    assert {video['name']: video['left_out'] for video in videos} == {'a/1': 1, 'b': 0}
    assert any('best 1 predictions of each video' in text for text in page.texts)
    (tmp_path / 'empty').mkdir()
    for folder, message in (('empty', 'expected videos'), ('none', 'expected a folder')):
        assert (
            tools['report'].main(
                [*files, '--out', str(tmp_path / 'r'), '--videos', str(tmp_path / folder)]
            )
            == 1
        )
        assert message in capsys.readouterr().err


def test_charts_are_valid_plotly_figures(files):
    from plotly.graph_objects import Figure

    from tmx_plugin.visualization.charts import report_charts
    from tmx_plugin.visualization.comparison import compare
    from tmx_plugin.visualization.report_data import Analysis

    analysis = Analysis(load_results(*files), [0.3, 0.5])
    for comparison in (None, compare(analysis, analysis, rounds=2)):
        charts = report_charts(dict(analysis.document(), comparison=comparison))
        assert len(charts) == 10
        for figure in charts.values():
            Figure(figure)  # raises on what plotly does not know


def test_subset_is_found_or_asked_for(files, tmp_path):
    predictions, annotations = files
    found = load_results(predictions, annotations)
    assert found.subset == 'Validation' and set(found.durations) == {'a/1', 'b'}
    assert len(found.gt) == 3 and len(found.det) == 3  # no Ambiguous, no unknown label
    assert load_results(predictions, annotations, 'val').videos == found.videos
    with pytest.raises(ValueError, match="subset 'test'.*training"):
        load_results(predictions, annotations, 'test')
    both = write(tmp_path / 'both.json', dict(results={'b': [], 'c': []}))
    with pytest.raises(ValueError, match='one subset'):
        load_results(both, annotations)
    assert len(load_results(both, annotations, 'training').gt) == 1


def test_video_scores_and_timeline(files):
    results = load_results(*files)
    assert results.video_scores([0.5]) == {'a/1': 1.0, 'b': 0.0}
    fig = results.timeline('b', correct=np.array([True, True, False]))
    assert fig.axes[0].get_xlim() == (0, 20)


def test_no_predictions_at_all(tools, files, tmp_path, capsys):
    predictions = write(tmp_path / 'none.json', dict(results={'a/1': [], 'b': []}))
    assert tools['report'].main([predictions, files[1], '--out', str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith('average_mAP 0.00')
