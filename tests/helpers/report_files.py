# SPDX-License-Identifier: Apache-2.0
"""Pages and files of the report."""

import json
from html.parser import HTMLParser


class Page(HTMLParser):
    """Collects text, data and ids, and checks that tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.texts, self.ids, self.scripts, self.links = [], [], {}, {}, []
        self.feed(text)
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids[attrs.get('id')] = tag
        self.links += [attrs[key] for key in ('src', 'href') if key in attrs]
        if tag not in ('meta', 'input'):
            self.stack.append(tag)
            if tag == 'script':
                self.stack[-1] = ('script', attrs.get('id'))

    def handle_endtag(self, tag):
        top = self.stack.pop()
        assert tag == (top if isinstance(top, str) else top[0])

    def handle_data(self, data):
        top = self.stack[-1] if self.stack else ''
        if isinstance(top, tuple):
            self.scripts[top[1]] = data
        elif top != 'style' and data.strip():
            self.texts.append(' '.join(data.split()))


def write(path, content):
    path.write_text(json.dumps(content), encoding='utf-8')
    return str(path)
