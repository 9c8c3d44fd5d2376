# SPDX-License-Identifier: Apache-2.0
"""The analysis tools on real detections, on small made-up ones and on broken files."""
import importlib.util
import json
from html.parser import HTMLParser

import numpy as np
import pytest

from tmx_plugin.visualization.results import load_results


@pytest.fixture(scope='module')
def tools(repo):
    def load(name):
        spec = importlib.util.spec_from_file_location(
            f'analysis_{name}', repo / f'tools/analysis/{name}.py')
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return {name: load(name) for name in ('report', 'plot_timeline')}


class Page(HTMLParser):
    """Collects text, images and ids, and checks that tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.texts, self.images, self.ids = [], [], [], []
        self.feed(text)
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.append(attrs.get('id'))
        if tag == 'img':
            self.images.append(attrs)
        elif tag != 'meta':
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack[-1:] != ['style'] and data.strip():
            self.texts.append(' '.join(data.split()))


def write(path, content):
    path.write_text(json.dumps(content), encoding='utf-8')
    return str(path)


@pytest.fixture
def files(tmp_path):
    """Two validation videos and a training one; names that HTML and matplotlib could misread."""
    def item(label, start, end, **more):
        return dict(label=label, segment=[start, end], **more)

    jump = '<b>jump & $run$</b>'
    database = {
        'a/1': dict(subset='Validation', duration=40., annotations=[
            item(jump, 0, 10), item('sit', 20, 30), item('Ambiguous', 5, 6)]),
        'b': dict(subset='Validation', duration=20., annotations=[item(jump, 5, 9)]),
        'c': dict(subset='training', duration=20., annotations=[item('walk', 5, 9)])}
    results = {'a/1': [item(jump, 0, 10, score=.9), item('sit', 20, 28, score=.8),
                       item('unknown', 0, 1, score=.7)],
               'b': [item(jump, 12, 18, score=.95)]}
    return (write(tmp_path / 'p.json', dict(results=results)),
            write(tmp_path / 'a.json', dict(database=database)))


def test_report_on_made_up_predictions(tools, files, tmp_path, capsys):
    assert tools['report'].main([*files, '--out', str(tmp_path / 'r'), '--tious', '.5', '.9']) == 0
    # jump: a miss before the hit, 1 of 2 found: 0.25. sit: 8 of 10 s, found at .5 only.
    assert capsys.readouterr().out.splitlines() == [
        'average_mAP 37.50  mAP@0.5 62.50  mAP@0.9 12.50', str(tmp_path / 'r/report.html')]
    text = (tmp_path / 'r/report.html').read_text(encoding='utf-8')
    page = Page(text)
    assert {'map', 'classes', 'errors', 'lengths', 'worst', 'best'} <= set(page.ids)
    assert '<b>jump & $run$</b>' in page.texts  # as text, so it was escaped
    assert '62.5' in page.texts and 'a/1' in page.texts
    assert len(page.images) == 4 and all(
        image['src'].startswith('data:image/png;base64,') and image['alt']
        for image in page.images)
    assert 'http' not in text and 'src="/' not in text  # nothing is loaded from elsewhere


def test_report_reproduces_published_map(tools, shared_data, tmp_path):
    """AutoLoc's detections on THUMOS-14 with the mAP its authors published."""
    content = json.loads((shared_data / 'detections/autoloc_TH14.json').read_text())
    database, results = {}, {}
    for name, target in (('gt', database), ('det', results)):
        for label, videos in content[name].items():
            for video, rows in videos.items():
                target.setdefault(video, []).extend(
                    dict(label=label, segment=row[:2], **({} if name == 'gt' else
                                                          dict(score=row[2]))) for row in rows)
    annotations = write(tmp_path / 'gt.json', dict(database={
        video: dict(subset='test', duration=1., annotations=database.get(video, []))
        for video in {**database, **results}}))
    predictions = write(tmp_path / 'det.json', dict(results=results))
    from tmx_plugin.visualization.report import write_report
    summary = write_report(load_results(predictions, annotations), tmp_path / 'report.html',
                           content['tious'], num_videos=1)
    np.testing.assert_allclose([summary[f'mAP@{tiou:g}'] for tiou in content['tious']],
                               100 * np.array(content['map']), atol=1e-5)
    Page((tmp_path / 'report.html').read_text(encoding='utf-8'))


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
    assert results.video_scores([0.5]) == {'a/1': 1., 'b': 0.}
    fig = results.timeline('b', correct=np.array([True, True, False]))
    assert fig.axes[0].get_xlim() == (0, 20)


def test_no_predictions_at_all(tools, files, tmp_path, capsys):
    predictions = write(tmp_path / 'none.json', dict(results={'a/1': [], 'b': []}))
    assert tools['report'].main([predictions, files[1], '--out', str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith('average_mAP 0.00')


@pytest.mark.parametrize('content, message', [
    ('{"results": ', 'json'), ('[]', 'results'), ('{"results": {"a": 3}}', "video 'a'"),
    ('{"results": {"a": [{"label": "x", "segment": [0, 1]}]}}', "video 'a'"),
    ('{"results": {"a": [{"label": "x", "segment": [0], "score": 1}]}}', "video 'a'"),
    ('{"results": {"a": [{"label": "x", "segment": [0, NaN], "score": 1}]}}', "video 'a'")])
def test_broken_predictions_are_named(tools, files, tmp_path, capsys, content, message):
    path = tmp_path / 'broken.json'
    path.write_text(content)
    assert tools['report'].main([str(path), files[1], '--out', str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert str(path) in error and message in error
    assert not (tmp_path / 'report.html').exists()


def test_missing_file(tools, files, tmp_path, capsys):
    assert tools['report'].main(['no.json', files[1], '--out', str(tmp_path)]) == 1
    assert 'no.json' in capsys.readouterr().err


def test_plot_timeline(tools, files, tmp_path, capsys):
    main = tools['plot_timeline'].main
    assert main([*files, '--out', str(tmp_path / 'all'), '--main-tiou', '.5']) == 0
    assert sorted(path.name for path in (tmp_path / 'all').iterdir()) == ['a_1.png', 'b.png']
    assert main([*files, '--out', str(tmp_path / 'one'), '--videos', 'b', '--format', 'svg',
                 '--range', '2', '9']) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / 'one/b.svg')
    assert main([*files, '--out', str(tmp_path), '--videos', 'd']) == 1
    assert "['d']" in capsys.readouterr().err
