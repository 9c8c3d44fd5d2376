# SPDX-License-Identifier: Apache-2.0
"""A page in a browser, and a label that HTML could misread."""

import time

JUMP = '<img src=x onerror=alert(1)> & "jump"'


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
