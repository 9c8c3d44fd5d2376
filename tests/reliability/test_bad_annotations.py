# SPDX-License-Identifier: Apache-2.0
"""Annotation files with values of other types, each as fuzzing found it, by the exact words."""

import copy
import json

import format_examples as examples
import pytest

from tmx_plugin.datasets.formats import FORMATS, FormatError, VideoInfo

CLIP = ('videos', 0, 'clips', 0)
LABEL = (*CLIP, 'annotations', 0, 'labels', 0)
STEP = ('videos', 0, 'segments', 0)
OBSERVATION = ('observations', 'obs 1')
ONE_FILE = 'video obs 1: expected an observation of one media file, found '
CASES = [
    ('ego4d-mq', (*LABEL, 'label'), {}, 'video c: expected a text as "label", found {}'),
    ('ego4d-mq', (*LABEL, 'start_time'), 'x', 'video c: expected a number as "start_time", found'),
    ('ego4d-mq', LABEL, None, 'video c: expected "label", found None'),
    ('ego4d-mq', LABEL[:-1], 'x', 'video c: expected an object with a list "labels", found \'x\''),
    ('ego4d-mq', LABEL[:-2], 7, 'video c: expected an object with a list "labels", found 7'),
    ('ego4d-mq', (*CLIP, 'video_end_sec'), [], 'video c: expected a number as "video_end_sec"'),
    ('ego4d-mq', (*CLIP, 'clip_uid'), {}, 'expected a text as "clip_uid", found {}'),
    ('ego4d-mq', ('videos', 0, 'split'), [1], 'video c: expected a text as "split", found [1]'),
    ('goalstep', ('videos', 0, 'video_uid'), [], 'expected a text as "video_uid", found []'),
    ('goalstep', (*STEP, 'segments'), 0.5, 'video u: expected an object with a list "segments"'),
    ('goalstep', (*STEP, 'step_category'), {}, 'video u: expected a text as "step_category"'),
    ('boris', ('behaviors_conf', '0', 'code'), [], 'expected a behavior with a text as "code"'),
    ('boris', (*OBSERVATION, 'file'), True, f'{ONE_FILE}True'),
    ('boris', (*OBSERVATION, 'file', '1', 0), [], f'{ONE_FILE}[]'),
    ('boris', (*OBSERVATION, 'media_info'), [1], 'video obs 1: expected an object "media_info"'),
    (
        *('boris', (*OBSERVATION, 'media_info', 'fps'), 'x'),
        'video obs 1: expected an object "fps" in "media_info", found \'x\'',
    ),
    (
        *('boris', (*OBSERVATION, 'events', 0, 2), {}),
        "video obs 1: expected an event [time, subject, code, modifier, ...], found [1.0, 'left', ",
    ),
    ('actionformer', ('database', 'v', 'subset'), '', None),
    ('via', ('attribute', '1', 'options'), {}, None),
    ('via', ('attribute', '1', 'aname'), {}, None),
]


@pytest.mark.parametrize(
    'name,place,value,words', CASES, ids=[f'{case[0]}-{case[1][-1]}-{case[2]}' for case in CASES]
)
def test_values_of_another_type(tmp_path, name, place, value, words):
    file, content, options = examples.EXAMPLES[name]
    content = copy.deepcopy(content)
    owner = content
    for key in place[:-1]:
        owner = owner[key]
    owner[place[-1]] = value
    path = tmp_path / file
    path.write_text(json.dumps(content))
    (tmp_path / 'durations.json').write_text(json.dumps(examples.DURATIONS))
    options = examples.options_in(tmp_path, options)
    videos = VideoInfo([tmp_path / 'durations.json'])
    if words is None:  # names of any type are read as text, and no subset is one to be drawn
        assert FORMATS[name].read([path], videos=videos, **options).database
        return
    with pytest.raises(FormatError) as error:
        FORMATS[name].read([path], videos=videos, **options)
    assert str(error.value).startswith(f'{path}: {words}')
