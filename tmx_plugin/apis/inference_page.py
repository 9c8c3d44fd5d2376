# SPDX-License-Identifier: Apache-2.0
"""The player page of what was found in videos."""

from collections.abc import Sequence
from pathlib import Path

from ..datasets.annotation_files import read_annotations
from ..utils.files import VIDEO_SUFFIXES
from ..visualization.player import make_tracks, write_player


def write_inference_page(
    predictions: Sequence[dict],
    classes: Sequence[str],
    out_dir,
    *,
    annotations=None,
    score_thr: float = 0.3,
) -> Path:
    """Write ``player.html``: each video above the timeline of what was found in it.

    Args:
        predictions (Sequence[dict]): Of each video ``video``, ``source``, ``duration`` (or None)
            and ``actions``, as :class:`TALInferencer` returns them.
        classes (Sequence[str]): Names of the model's classes.
        out_dir (str | Path): Folder of the page.
        annotations (str | Path | None): Annotation file with ground truth of some of the videos.
        score_thr (float): Least score shown at first.

    Returns:
        Path: The page.
    """
    videos = {
        each['video']: Path(each['source'])
        for each in predictions
        if Path(each['source']).suffix.lower() in VIDEO_SUFFIXES
    }
    tracks, names = make_tracks(
        {each['video']: each['duration'] or _last_end(each['actions']) for each in predictions},
        annotations=read_annotations(annotations) if annotations is not None else (),
        predictions={each['video']: each['actions'] for each in predictions},
        classes=classes,
        videos=videos,
    )
    return write_player(
        tracks, names, Path(out_dir) / 'player.html', title='What was found', score=score_thr
    )


def _last_end(actions: list) -> float:
    """The least duration of a video, where no more is known of it."""
    return max((each['segment'][1] for each in actions), default=0.0)
