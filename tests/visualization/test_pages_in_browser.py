# SPDX-License-Identifier: Apache-2.0
"""The player and the report in a headless Chromium, where there is one."""

import json
import time

import numpy as np
import pytest
from browser_pages import JUMP

from tmx_plugin.visualization.player import make_tracks, write_player

pytestmark = pytest.mark.slow


def test_report_opens_without_complaint(pages, report):
    start = time.monotonic()
    pages.open(report)
    assert time.monotonic() - start < 10
    for chart in pages.all('.chart'):
        pages.run('arguments[0].scrollIntoView()', chart)
        pages.wait(lambda chart=chart: chart.find_elements('css selector', '.main-svg'))
    assert len(pages.all('.chart')) == 11
    assert pages.complaints() == []
    # Nothing was loaded but the page and the video.
    loaded = pages.run('return performance.getEntriesByType("resource").map(x => x.name)')
    assert all('a%20video%20%231.webm' in name for name in loaded)
    assert pages.text('h2#comparison') == f'Comparison with {JUMP}'
    assert pages.text('#difference').startswith('+')
    assert pages.all('img[src=x]') == []


def test_tables_sort_and_filter(pages, report):
    pages.open(report)

    def names(table):
        return [each.text for each in pages.all(f'#{table} tbody tr td.name') if each.text]

    assert names('video-table') == ['one', 'two']
    first = '#video-table th:nth-child(2) button'
    pages.click(first)
    assert names('video-table') == ['two', 'one']
    pages.click(first)
    assert names('video-table') == ['one', 'two']
    pages.one('input[data-filter=class-table]').send_keys('sit')
    assert names('class-table') == ['sit']
    assert len(names('comparison-table')) == 2


def test_operating_point_of_a_class(pages, report):
    pages.open(report)
    pages.run('arguments[0].scrollIntoView()', pages.one('#operating'))
    pages.wait(lambda: 'All classes' in pages.text('#curve-note'))
    pages.run(
        'const box = document.getElementById("curve-class"); box.value = "sit";'
        'box.dispatchEvent(new Event("change"))'
    )
    assert pages.text('#curve-note').startswith(
        'sit: at a score of 0.3000 or more, precision 0.667, recall 0.667'
    )


def test_worst_video_opens_in_the_player(pages, report):
    pages.open(report)
    pages.click('button[data-video=two]')
    assert pages.one('#video-select').get_attribute('value') == '1'
    assert not pages.one('#video').is_displayed()
    assert 'no video' in pages.text('#video-note')
    pages.click('button[data-video=one]')
    assert pages.one('#video').is_displayed()


def test_slider_and_class_filter(pages, report):
    pages.open(report)
    assert len(pages.all('#rows .seg')) == 6  # three of four predictions, three segments
    assert len(pages.all('#rows .missed')) == 1 and len(pages.all('#rows .wrong')) == 1
    pages.set_score(0)
    assert len(pages.all('#rows .seg')) == 7 and len(pages.all('#rows .wrong')) == 2
    pages.set_score(0.85)
    assert len(pages.all('#rows .missed')) == 2 and len(pages.all('#rows .right')) == 1
    assert pages.text('#miss-count') == '2' and pages.text('#alarm-count') == '0'
    pages.click('#class-filter summary')
    pages.click('#class-boxes input[value="1"]')
    assert all(title.startswith(JUMP) for title in pages.titles())
    pages.click('#no-classes')
    assert pages.titles() == []
    pages.click('#all-classes')
    pages.click('#best')  # the thresholds are .45 of jump and .3 of sit
    assert len(pages.all('#rows .seg')) == 6
    assert pages.complaints() == []


def test_clicking_a_segment_plays_it(pages, report):
    pages.open(report)
    pages.wait(lambda: pages.run('return document.getElementById("video").readyState') >= 1)
    pages.set_score(0.5)
    pages.click('#rows .right[title^=sit]')
    pages.wait(lambda: pages.run('return document.getElementById("video").currentTime') >= 3)
    assert 'sit · 0:03.00 to 0:04.10 · score 0.80, true positive' in pages.text('#selected')
    pages.wait(lambda: pages.run('return document.getElementById("video").paused'))
    assert 4 <= pages.run('return document.getElementById("video").currentTime') < 6
    cursor = pages.run('return document.getElementById("cursor").style.left')
    assert cursor != 'var(--label)'


def test_keyboard(pages, report):
    pages.open(report)
    pages.wait(lambda: pages.run('return document.getElementById("video").readyState') >= 1)
    pages.press('n')
    pages.wait(lambda: pages.run('return document.getElementById("video").currentTime') == 1)
    assert 'sit · 0:01.00' in pages.text('#selected')
    pages.press('m')
    assert 'ground truth, missed' in pages.text('#selected')
    pages.wait(lambda: pages.run('return document.getElementById("video").currentTime') == 5)
    pages.press('\ue012')  # left arrow
    pages.wait(lambda: pages.run('return document.getElementById("video").currentTime') == 4)
    width = pages.run('return document.getElementById("timeline-inner").clientWidth')
    pages.press('+')
    assert pages.run('return document.getElementById("timeline-inner").clientWidth') > 1.9 * width
    pages.press('0')
    assert pages.run('return document.getElementById("timeline-inner").clientWidth') == width
    pages.press(' ')
    assert pages.text('#play') == 'Pause'
    pages.press(' ')
    assert pages.text('#play') == 'Play'
    pages.press(']')
    assert pages.one('#video-select').get_attribute('value') == '1'
    assert pages.complaints() == []


def test_zoom_of_a_long_video(pages, report):
    pages.open(report)
    pages.click('button[data-video=two]')
    ticks = [each.get_attribute('textContent') for each in pages.all('#ruler span')]
    assert ticks[0] == '0:00' and '2:40:00' in ticks
    pages.press('m')  # none is missed at this score
    pages.run('document.querySelector("#rows .truth").click()')
    for _ in range(12):
        pages.press('+')
    width = pages.run('return document.querySelector("#rows .truth").getBoundingClientRect().width')
    assert width > 20  # one second of nearly three hours
    inside = pages.run(
        'const box = document.querySelector("#rows .truth").getBoundingClientRect(), '
        'frame = document.getElementById("timeline").getBoundingClientRect();'
        'return box.left >= frame.left && box.right <= frame.right'
    )
    assert inside and len(pages.all('#ruler span')) < 200


def test_downloads(pages, report, browser):
    pages.open(report)
    for format in ('csv', 'json', 'srt', 'vtt'):
        pages.click(f'#save-{format}')
        pages.wait((browser.downloads / f'one.{format}').is_file)
    rows = (browser.downloads / 'one.csv').read_text().splitlines()
    assert rows[0] == 'video,start,end,label,score' and rows[2] == 'one,1,2,sit,0.7'
    assert len(rows) == 4 and rows[1].startswith('one,0.5,1.6,"<img')
    found = json.loads((browser.downloads / 'one.json').read_text())['results']['one']
    assert found[1] == dict(label='sit', score=0.7, segment=[1, 2])
    text = (browser.downloads / 'one.vtt').read_text()
    assert text.startswith('WEBVTT') and '00:00:01.000 --> 00:00:02.000\nsit 0.70' in text
    assert '&lt;img' in text


@pytest.mark.parametrize('dark', [False, True])
def test_phone(pages, report, dark):
    pages.browser.execute_cdp_cmd(
        'Emulation.setDeviceMetricsOverride',
        dict(width=390, height=844, deviceScaleFactor=2, mobile=True),
    )
    try:
        pages.open(report, dark=dark)
        assert pages.run('return document.documentElement.scrollWidth') <= 390
        back = pages.run('return getComputedStyle(document.body).backgroundColor')
        assert back == ('rgb(21, 24, 28)' if dark else 'rgb(255, 255, 255)')
        pages.run('document.getElementById("theme").click()')
        assert pages.run('return getComputedStyle(document.body).backgroundColor') != back
        assert pages.complaints() == []
    finally:
        pages.browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})


def test_two_thousand_segments_of_features_alone(pages, tmp_path):
    rng = np.random.default_rng(0)
    start = rng.uniform(0, 10000, 2000)
    found = [
        dict(label=f'class {i % 20}', score=float(score), segment=[x, x + 3])
        for i, (x, score) in enumerate(zip(start.tolist(), rng.random(2000)))
    ]
    tracks, classes = make_tracks(dict(long=10800.0), predictions=dict(long=found))
    pages.open(write_player(tracks, classes, tmp_path / 'player.html', score=0))
    assert len(pages.all('#rows .seg')) == 2000
    began = time.monotonic()
    pages.set_score(0.5)
    assert time.monotonic() - began < 3
    assert 800 < len(pages.all('#rows .seg')) < 1200
    assert not pages.one('#step-miss').is_displayed()  # no ground truth
    pages.press(' ')
    pages.wait(lambda: pages.text('#clock').startswith('0:00.5'))
    assert pages.complaints() == []


def test_video_that_cannot_be_played(pages, tmp_path):
    (tmp_path / 'broken.mp4').write_text('no video')
    tracks, classes = make_tracks(dict(a=5.0), videos=dict(a=tmp_path / 'broken.mp4'))
    pages.open(write_player(tracks, classes, tmp_path / 'player.html'))
    pages.wait(lambda: 'cannot play broken.mp4' in pages.text('#video-note'))
    assert not pages.one('#video').is_displayed()
