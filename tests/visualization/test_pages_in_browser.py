# SPDX-License-Identifier: Apache-2.0
"""The player and the report in a headless Chromium, where there is one."""

import json
import os
import shutil
import time

import cv2
import numpy as np
import pytest

from tmx_plugin.visualization.player import make_tracks, write_player
from tmx_plugin.visualization.report import write_report
from tmx_plugin.visualization.results import load_results

FLAGS = (
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--autoplay-policy=no-user-gesture-required',
)
JUMP = '<img src=x onerror=alert(1)> & "jump"'
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    webdriver = pytest.importorskip('selenium.webdriver', reason='needs the package selenium')
    program = os.environ.get('CHROMIUM') or shutil.which('chromium')
    driver = shutil.which('chromedriver')
    if not program or not driver:
        pytest.skip('needs chromium and chromedriver (apt-get install chromium chromium-driver)')
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f'--user-data-dir={tmp_path_factory.mktemp("profile")}'):
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', dict(browser='ALL'))
    downloads = tmp_path_factory.mktemp('downloads')
    options.add_experimental_option('prefs', {'download.default_directory': str(downloads)})
    chrome = webdriver.Chrome(options, webdriver.ChromeService(driver))
    chrome.downloads = downloads
    yield chrome
    chrome.quit()


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """Six seconds that browsers can play and seek in."""
    path = tmp_path_factory.mktemp('videos') / 'a video #1.webm'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'VP80'), 10, (64, 48))
    if not writer.isOpened():
        pytest.skip('this OpenCV cannot write VP8')
    for i in range(60):
        writer.write(np.full((48, 64, 3), 4 * i, np.uint8))
    writer.release()
    return path


@pytest.fixture(scope='module')
def report(tmp_path_factory, video):
    """A report on two videos, one of them there, compared with other predictions."""
    folder = tmp_path_factory.mktemp('report')

    def item(label, start, end, **more):
        return dict(label=label, segment=[start, end], **more)

    def write(name, content):
        (folder / name).write_text(json.dumps(content), encoding='utf-8')
        return folder / name

    truth = write(
        'gt.json',
        dict(
            database={
                'one': dict(
                    subset='test',
                    duration=6.0,
                    annotations=[item(JUMP, 0.5, 1.5), item('sit', 3, 4), item('sit', 5, 5.5)],
                ),
                'two': dict(subset='test', duration=10000.0, annotations=[item('sit', 9000, 9001)]),
            }
        ),
    )
    found = write(
        'det.json',
        dict(
            results={
                'one': [
                    item(JUMP, 0.5, 1.6, score=0.9),
                    item('sit', 3, 4.1, score=0.8),
                    item('sit', 1, 2, score=0.7),
                    item(JUMP, 4.5, 5, score=0.3),
                ],
                'two': [item('sit', 9000, 9001, score=0.6)],
            }
        ),
    )
    other = write('other.json', dict(results={'one': [item('sit', 3, 4, score=0.5)], 'two': []}))
    write_report(
        load_results(found, truth),
        folder / 'report.html',
        [0.5, 0.7],
        videos=dict(one=video),
        other=load_results(other, truth),
        other_name=JUMP,
        score_thr=0.5,
    )
    return folder / 'report.html'


class Pages:
    """A page in the browser, and what tests ask of it."""

    def __init__(self, browser):
        self.browser = browser

    def open(self, path, width=1280, dark=False):
        self.browser.set_window_size(width, 900)
        self.browser.execute_cdp_cmd(
            'Emulation.setEmulatedMedia',
            dict(features=[dict(name='prefers-color-scheme', value='dark' if dark else 'light')]),
        )
        self.browser.get_log('browser')
        self.browser.get(path.as_uri())

    def run(self, script, *args):
        return self.browser.execute_script(script, *args)

    def one(self, selector):
        return self.browser.find_element('css selector', selector)

    def all(self, selector):
        return self.browser.find_elements('css selector', selector)

    def text(self, selector):
        return self.run('return document.querySelector(arguments[0]).textContent', selector)

    def click(self, selector):
        self.run('arguments[0].scrollIntoView({block: "center"})', self.one(selector))
        self.one(selector).click()

    def press(self, keys):
        self.one('#player').send_keys(keys)

    def set_score(self, value):
        self.run(
            'const box = document.getElementById("score"); box.value = arguments[0];'
            'box.dispatchEvent(new Event("input"))',
            value,
        )

    def wait(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f'not within {seconds} s'
            time.sleep(0.05)

    def titles(self, selector='.seg'):
        return [each.get_attribute('title') for each in self.all(f'#rows {selector}')]

    def complaints(self):
        return [entry['message'] for entry in self.browser.get_log('browser')]


@pytest.fixture
def pages(browser):
    return Pages(browser)


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
