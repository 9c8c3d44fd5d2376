# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, a video and a report to open in it."""

import json
import os
import shutil

import cv2
import numpy as np
import pytest
from browser_pages import JUMP, Pages

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


@pytest.fixture
def pages(browser):
    return Pages(browser)
