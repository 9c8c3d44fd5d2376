# SPDX-License-Identifier: Apache-2.0
"""A page that plays videos above timelines of their predictions and ground truth."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Optional
from urllib.parse import quote

import numpy as np

from ..datasets.annotation_files import VideoAnnotation
from ..errors import ConfigError, DataError
from ..evaluation.functional.error_analysis import KINDS
from ..utils.files import file_name
from .page import json_script, write_page

SCRIPTS = ('theme', 'export', 'player')
#: What browsers play, the likeliest first.
BROWSER_SUFFIXES = ('.mp4', '.webm', '.m4v', '.mov', '.ogv', '.mkv', '.avi')
#: Predictions that are written into one page at most.
MAX_PREDICTIONS = 200_000


class Track(NamedTuple):
    """What the player shows of one video.

    Attributes:
        name (str): Name of the video.
        duration (float): Seconds.
        video (Path | None): The video itself, linked and not copied.
        gt_segments, gt_labels (ndarray): (G, 2) seconds and (G,) int64.
        gt_found (ndarray | None): (G,) score of the prediction that found each, nan for none;
            None where predictions are not judged.
        segments, scores, labels (ndarray): (D, 2) seconds, (D,) and (D,) int64.
        kinds (ndarray | None): (D,) index into ``error_analysis.KINDS``.
    """

    name: str
    duration: float
    video: Optional[Path] = None
    gt_segments: np.ndarray = np.empty((0, 2))
    gt_labels: np.ndarray = np.empty(0, np.int64)
    gt_found: Optional[np.ndarray] = None
    segments: np.ndarray = np.empty((0, 2))
    scores: np.ndarray = np.empty(0)
    labels: np.ndarray = np.empty(0, np.int64)
    kinds: Optional[np.ndarray] = None


def player_data(
    tracks: Iterable[Track],
    classes: Sequence[str],
    page_folder,
    *,
    score: float = 0.3,
    main_tiou: float = 0.5,
    thresholds=None,
    top_k: Optional[int] = None,
) -> dict:
    """What the player's script reads.

    Args:
        tracks (Iterable[Track]): The videos, in the order of the list.
        classes (Sequence[str]): Names of the labels.
        page_folder (str | Path): Folder of the page, which the links to the videos start from.
        score (float): Least score shown at first.
        main_tiou (float): Threshold at which predictions were judged.
        thresholds (Sequence[float] | None): Best threshold of each class.
        top_k (int | None): The best predictions of each video that are kept; if None so many that
            there are ``MAX_PREDICTIONS`` at most.

    Returns:
        dict: Plain lists, numbers and strings.

    Raises:
        ConfigError: ``top_k`` below 1.
    """
    if top_k is not None and top_k < 1:
        raise ConfigError(f'expected at least one prediction of a video, got top_k={top_k}')
    tracks = list(tracks)
    counts = np.array([len(track.scores) for track in tracks], np.int64)
    if top_k is None:
        top_k = _most_of_a_video(counts)
    top = max((float(track.scores.max(initial=0)) for track in tracks), default=0)
    return dict(
        classes=list(classes),
        kinds=list(KINDS),
        main_tiou=main_tiou,
        score=score,
        judged=any(track.kinds is not None for track in tracks),
        maxScore=max(top, 1.0),
        thresholds=None if thresholds is None else [float(x) for x in thresholds],
        videos=[_video(track, page_folder, top_k) for track in tracks],
    )


def write_player(
    tracks: Iterable[Track],
    classes: Sequence[str],
    path,
    *,
    title: str = 'Player',
    note: str = '',
    **options,
) -> Path:
    """Write the player as a page of its own.

    Args:
        tracks, classes, **options: As for :func:`player_data`.
        path (str | Path): The html file.
        title (str): Heading.
        note (str): A line below it.

    Returns:
        Path: ``path``.
    """
    data = player_data(tracks, classes, Path(path).parent, **options)
    return write_page(
        path, 'player.html', SCRIPTS, title=title, note=note, player_json=json_script(data)
    )


def make_tracks(
    durations: dict,
    *,
    annotations: Iterable[VideoAnnotation] = (),
    predictions: Optional[dict] = None,
    classes: Sequence[str] = (),
    videos: Optional[dict] = None,
):
    """Tracks of ground truth and predictions that are shown as they are, not judged.

    Args:
        durations (dict): Seconds of each video by name, in the order wanted.
        annotations (Iterable[VideoAnnotation]): From ``read_annotations``.
        predictions (dict | None): ``{video: [{'label', 'score', 'segment'}]}``, seconds.
        classes (Sequence[str]): Names of the first labels; others follow in alphabetical order.
        videos (dict | None): Path of the video file by name, as far as there are.

    Returns:
        tuple: tracks (list[Track]) and the names of all labels (list[str]).
    """
    predictions, videos = predictions or {}, videos or {}
    truth = {each.video_id: each for each in annotations if each.video_id in durations}
    labels = {label for each in truth.values() for label in each.labels} | {
        item['label'] for name in durations for item in predictions.get(name, ())
    }
    names = list(dict.fromkeys([*classes, *sorted(labels)]))
    number = {name: i for i, name in enumerate(names)}
    tracks = []
    for name, duration in durations.items():
        found = predictions.get(name, ())
        gt = (
            dict(
                gt_segments=truth[name].segments_sec,
                gt_labels=np.array([number[label] for label in truth[name].labels], np.int64),
            )
            if name in truth
            else {}
        )
        tracks.append(
            Track(
                name,
                duration,
                videos.get(name),
                **gt,
                segments=np.array([x['segment'] for x in found], np.float64).reshape(-1, 2),
                scores=np.array([x['score'] for x in found], np.float64),
                labels=np.array([number[x['label']] for x in found], np.int64),
            )
        )
    return tracks, names


def find_videos(folder, names: Iterable[str]) -> dict:
    """The video file of each name that has one in a folder.

    Args:
        folder (str | Path): With ``NAME.mp4`` or another suffix that browsers play.
        names (Iterable[str]): Names of videos.

    Returns:
        dict[str, Path]: By name.

    Raises:
        DataError: There is no such folder, or no video of any of the names in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f'{folder}: expected a folder of videos, found none')
    names = list(names)
    found = {}
    for name in names:
        paths = (
            folder / f'{stem}{suffix}'
            for stem in (name, file_name(name))
            for suffix in BROWSER_SUFFIXES
        )
        path = next((path for path in paths if path.is_file()), None)
        if path is not None:
            found[name] = path
    if not found:
        raise DataError(
            f'{folder}: expected videos such as {names[0]}.mp4, found none of the '
            f'{len(names)} videos'
        )
    return found


def _most_of_a_video(counts: np.ndarray) -> int:
    """The largest K for which the best K of each video are ``MAX_PREDICTIONS`` at most."""
    low, high = 1, int(counts.max(initial=1))
    while low < high:
        middle = (low + high + 1) // 2
        if np.minimum(counts, middle).sum() <= MAX_PREDICTIONS:
            low = middle
        else:
            high = middle - 1
    return low


def _video(track: Track, page_folder, top_k: int) -> dict:
    keep = np.sort(np.argsort(-track.scores, kind='stable')[:top_k])
    ends = [track.duration, *track.gt_segments[:, 1], *track.segments[keep, 1]]
    return dict(
        name=track.name,
        src=None if track.video is None else _link(track.video, page_folder),
        # Annotated and predicted segments may end after the video; they are shown all the same.
        duration=max(float(np.nanmax(ends)), 1e-3),
        left_out=len(track.scores) - len(keep),
        gt=dict(
            _segments(track.gt_segments, track.gt_labels),
            f=[None] * len(track.gt_labels)
            if track.gt_found is None
            else _round(track.gt_found, 4),
        ),
        det=dict(
            _segments(track.segments[keep], track.labels[keep]),
            p=_round(track.scores[keep], 4),
            k=None if track.kinds is None else track.kinds[keep].tolist(),
        ),
    )


def _segments(segments, labels) -> dict:
    return dict(
        s=_round(segments[:, 0], 3), e=_round(segments[:, 1], 3), l=np.asarray(labels).tolist()
    )


def _round(values, digits: int) -> list:
    return np.round(np.asarray(values, np.float64), digits).tolist()


def _link(video: Path, page_folder) -> str:
    """Address of a video, relative to the page where that can be."""
    video = Path(video).resolve()
    try:
        relative = os.path.relpath(video, Path(page_folder).resolve())
    except ValueError:  # on another drive
        return video.as_uri()
    return quote(Path(relative).as_posix())
