# SPDX-License-Identifier: Apache-2.0
"""Seconds, frames and the feature grid: the only place where a time changes its unit.

Grid index ``i`` stands for the clip centred at frame ``i * feature_stride + offset_frames``.
All functions take numpy arrays, torch tensors or plain numbers.
"""
import numpy as np


def seconds_to_frames(seconds, *, fps=None, duration=None, num_frames=None) -> np.ndarray:
    """Whole video frames at the given times, truncated towards zero.

    Args:
        seconds (array_like): Times in seconds.
        fps (float, optional): Frames a second; used where ``num_frames`` is None.
        duration (float, optional): Length of the video in seconds; needed with ``num_frames``.
        num_frames (int, optional): Length of the video in frames. Where it is known, a time is
            placed as its share of the video (THUMOS-14, MultiTHUMOS).

    Returns:
        np.ndarray: Frame numbers, int64, of the shape of ``seconds``.
    """
    seconds = np.asarray(seconds, dtype=np.float64)
    frames = seconds * fps if num_frames is None else seconds / duration * num_frames
    # Beyond 2^53 a float64 counts nothing, and what int64 cannot hold would turn negative.
    return np.trunc(frames).clip(-2**53, 2**53).astype(np.int64)


def frames_to_grid(frames, feature_stride, offset_frames):
    """Position on the feature grid of video frames."""
    return (frames - offset_frames) / feature_stride


def grid_to_seconds(grid, *, feature_stride, offset_frames, fps, duration):
    """Seconds of positions on the feature grid, clamped to the video ``[0, duration]``."""
    return ((grid * feature_stride + offset_frames) / fps).clip(0, duration)
