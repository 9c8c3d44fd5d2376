# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from tmx_plugin.apis.preview import current_actions, write_preview

ACTIONS = [
    dict(label='early', score=0.4, segment=[0.0, 1.0]),
    dict(label='long', score=0.9, segment=[0.5, 2.0]),
]


@pytest.fixture
def video(tmp_path):
    writer = cv2.VideoWriter(
        str(tmp_path / 'v.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 10, (160, 120)
    )
    for _ in range(40):
        writer.write(np.full((120, 160, 3), 120, dtype=np.uint8))
    writer.release()
    return tmp_path / 'v.mp4'


def read(path):
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (found := capture.read())[0]:
        frames.append(found[1])
    return np.stack(frames)


def test_actions_are_on_their_frames_only(video, tmp_path):
    frames = read(write_preview(video, ACTIONS, tmp_path / 'out.mp4')).astype(int)
    assert frames.shape == (40, 120, 160, 3)
    top = frames[:, 4:10].mean(axis=(1, 2, 3))
    assert (top[:19] < 90).all() and (top[21:] > 110).all()
    two_lines = frames[:, 18:22].mean(axis=(1, 2, 3))
    assert (two_lines[6:9] < 90).all() and (two_lines[12:] > 100).all()
    # The bar tells action (half of the video) from none; the position moves over it.
    blue = frames[..., 0]
    assert blue[30, -4, 20:60].mean() < 40 and blue[10, -4, 100:150].mean() > 70
    assert blue[35, -4, 142] > 150 and blue[5, -4, 22] > 150


def test_large_frames_are_made_smaller(video, tmp_path):
    frames = read(write_preview(video, [], tmp_path / 'out.mp4', max_height=61))
    assert frames.shape[1:3] == (60, 82)


def test_failure_leaves_no_file(tmp_path):
    (tmp_path / 'v.mp4').write_text('no video')
    with pytest.raises(ValueError, match='cannot be read as a video'):
        write_preview(tmp_path / 'v.mp4', [], tmp_path / 'out.mp4')
    assert [path.name for path in tmp_path.iterdir()] == ['v.mp4']


@pytest.mark.parametrize(
    'second, expected', [(0, ['early']), (0.5, ['early', 'long']), (1.0, ['long']), (2.0, [])]
)
def test_actions_of_a_moment(second, expected):
    assert [each['label'] for each in current_actions(ACTIONS, second)] == expected
