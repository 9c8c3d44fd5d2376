# SPDX-License-Identifier: Apache-2.0
"""Small annotation files."""

import json


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def database(**videos):
    return {'version': 'v', 'database': videos}


def video(*annotations, subset='Training', duration=10.0, **more):
    return {
        'subset': subset,
        'duration': duration,
        'annotations': [
            {'label': label, 'segment': [start, end], **extra}
            for label, start, end, extra in annotations
        ],
        **more,
    }
