# SPDX-License-Identifier: Apache-2.0
"""What was found in a video, as named actions, a picture and a preview."""

from collections.abc import Sequence
from pathlib import Path

from mmaction.structures import ActionDataSample

from ..errors import DataError
from ..exporters import to_detections
from ..utils.files import VIDEO_SUFFIXES
from ..visualization import draw_timeline
from .preview import write_preview


def named_actions(sample: ActionDataSample, classes: Sequence[str]) -> list:
    """Segments of a sample, ``label``, ``score`` and ``segment`` in seconds each, best first."""
    found = sample.pred_instances
    return to_detections(found.segments.cpu(), found.scores.cpu(), found.labels.cpu(), classes)


def draw_sample(sample: ActionDataSample, classes: Sequence[str], score_thr: float):
    """Figure of a sample's timeline."""
    found = [sample.pred_instances[key].cpu().numpy() for key in ('segments', 'scores', 'labels')]
    return draw_timeline(
        None,
        None,
        *found,
        duration=sample.duration,
        classes=classes,
        title=sample.video_id,
        score_thr=score_thr,
    )


def preview_sample(
    sample: ActionDataSample, classes: Sequence[str], path: Path, score_thr: float
) -> None:
    """Write the video of a sample with its actions on the frames.

    Raises:
        DataError: The sample was made of features.
    """
    if Path(sample.source).suffix.lower() not in VIDEO_SUFFIXES:
        raise DataError(
            f'{sample.source}: a preview can be written of videos only, not of their features'
        )
    actions = named_actions(sample, classes)
    write_preview(sample.source, [x for x in actions if x['score'] >= score_thr], path)
