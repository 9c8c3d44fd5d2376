# SPDX-License-Identifier: Apache-2.0
"""A video with the actions found in it written on its frames."""

from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from ..errors import TmxError
from ..features.video import VideoFrames
from ..utils.files import atomic_write, write_error

FONT, WHITE, ACTIVE, INACTIVE = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255), (0, 200, 255), (90,) * 3
BAR = 8  # height of the time bar, pixels


def write_preview(video, actions: list, path, max_height: int = 480) -> Path:
    """Write a copy of a video that shows the actions going on.

    Their names and scores stand at the top, best first; a bar at the bottom shows where in the
    video there are actions, and the current position. There is no sound.

    Args:
        video (str | Path): The video file.
        actions (list[dict]): ``label``, ``score`` and ``segment`` [start, end] in seconds.
        path (str | Path): The .mp4 file to write.
        max_height (int): Larger frames are made smaller, to this height.

    Returns:
        Path: ``path``.

    Raises:
        TmxError: If OpenCV cannot write the format.
        WriteError: The disk is full, the folder cannot be written to, and the like.
        DataError: If the video cannot be read.
    """
    frames = VideoFrames(video)
    actions = sorted(actions, key=lambda action: -action['score'])
    pictures = (frame for chunk in frames.chunks() for frame in chunk)
    first = next(pictures)
    size = _even_size(first, max_height)
    bar = _time_bar(actions, frames.duration, size[0])
    with atomic_write(path, 'wb') as file:
        writer = cv2.VideoWriter(file.name, cv2.VideoWriter.fourcc(*'mp4v'), frames.fps, size)
        if not writer.isOpened():
            raise TmxError(f'{path}: OpenCV cannot write this format here')
        for number, frame in enumerate(chain([first], pictures), start=1):
            picture = cv2.resize(frame[..., ::-1], size, interpolation=cv2.INTER_AREA)
            now = (number - 0.5) / frames.fps
            writer.write(
                _annotate(picture, current_actions(actions, now), now / frames.duration, bar)
            )
        writer.release()
        # The writer does not say when a disk is full.
        written = cv2.VideoCapture(file.name).get(cv2.CAP_PROP_FRAME_COUNT)
        if written != number:
            raise write_error(
                path, OSError(None, f'only {written:.0f} of {number} frames could be written')
            )
    return Path(path)


def current_actions(actions: list, second: float) -> list:
    """Those of the actions that go on at a time."""
    return [action for action in actions if action['segment'][0] <= second < action['segment'][1]]


def _even_size(frame: np.ndarray, max_height: int) -> tuple:
    """(width, height), both even as the codec wants them."""
    height, width = frame.shape[:2]
    scale = min(max_height / height, 1)
    return tuple(max(round(x * scale / 2) * 2, 2) for x in (width, height))


def _time_bar(actions: list, duration: float, width: int) -> np.ndarray:
    bar = np.empty((BAR, width, 3), dtype=np.uint8)
    bar[:] = INACTIVE
    for action in actions:
        start, end = (round(x / duration * width) for x in action['segment'])
        bar[:, start : max(end, start + 1)] = ACTIVE
    return bar


def _annotate(picture: np.ndarray, actions: list, position: float, bar: np.ndarray) -> np.ndarray:
    """Write actions on a BGR picture, in place, and mark a position (0 to 1) on its time bar."""
    height, width = picture.shape[:2]
    scale = max(height / 480, 0.4)
    line = round(28 * scale)
    actions = actions[: max((height - BAR) // line - 1, 1)]  # what has room
    if actions:
        band = picture[: line * len(actions) + line // 3]
        band[:] = band // 3
    for row, action in enumerate(actions, start=1):
        text = f'{action["label"]} {action["score"]:.2f}'
        cv2.putText(
            picture,
            text,
            (line // 3, line * row),
            FONT,
            0.8 * scale,
            WHITE,
            max(round(2 * scale), 1),
            cv2.LINE_AA,
        )
    picture[-BAR:] = bar[:height]
    x = min(int(position * width), width - 1)
    picture[-BAR:, max(x - 1, 0) : x + 2] = WHITE
    return picture
