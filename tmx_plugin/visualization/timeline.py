# SPDX-License-Identifier: Apache-2.0
"""Timeline of one video: ground truth against predictions, one row per class.

Pure functions of arrays; all times are in seconds. Figures are made without pyplot, so
that nothing here depends on a display or on global state.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional, cast

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..errors import ConfigError, DataError
from ..utils.files import atomic_write, file_name  # noqa: F401  (for this subpackage)
from .layout import make_row, select_classes, select_predictions, shorten, text_width
from .timeline_parts import (
    LABEL_SIZE,
    LANE,
    LANE_GAP,
    MAX_LABEL,
    MIN_BAR,
    RIGHT,
    SMALL_SIZE,
    Bars,
    draw_head,
    draw_rows,
    make_canvas,
)


def draw_timeline(
    gt_segments,
    gt_labels,
    pred_segments=None,
    pred_scores=None,
    pred_labels=None,
    *,
    duration: Optional[float] = None,
    classes: Optional[Sequence[str]] = None,
    title: str = '',
    score_thr: float = 0.0,
    top_k: Optional[int] = None,
    time_range: Optional[Sequence[float]] = None,
    pred_correct=None,
    max_rows: int = 40,
    max_lanes: int = 3,
    width: float = 12.0,
) -> Figure:
    """Draw ground truth (hatched, upper lanes) and predictions (plain, shaded by score).

    Each class that occurs gets a row. Overlapping segments of a class share the row in
    lanes, the best predictions nearest to the ground truth; what finds no room in
    ``max_lanes`` lanes or ``max_rows`` rows is counted in the picture's second line.

    Args:
        gt_segments (ndarray): (G, 2) ground truth in seconds.
        gt_labels (ndarray): (G,) class indices.
        pred_segments (ndarray | None): (M, 2) predictions in seconds.
        pred_scores (ndarray | None): (M,) scores in [0, 1].
        pred_labels (ndarray | None): (M,) class indices.
        duration (float | None): Length of the video in seconds; the last end if None.
        classes (Sequence[str] | None): Class names; indices are shown if None.
        title (str): First line, usually the video's id.
        score_thr (float): Least score of a prediction to show.
        top_k (int | None): How many predictions to show at most.
        time_range (Sequence[float] | None): (start, end) in seconds to show; all if None.
        pred_correct (ndarray | None): (M,) bool; predictions with False get a dashed edge.
        max_rows (int): How many classes to show at most.
        max_lanes (int): How many overlapping segments of a class to show at most.
        width (float): Width in inches; the height follows from the rows.

    Returns:
        Figure: A figure with an Agg canvas.

    Raises:
        TmxError: If shapes do not fit, a time is not finite, or ``time_range`` is empty.
    """
    content = Content.checked(
        gt_segments, gt_labels, pred_segments, pred_labels, pred_scores, pred_correct
    )
    shown, duration = _shown_range(duration, time_range, content)
    content = content.within(shown)
    order = select_predictions(content.pred_scores, score_thr=score_thr, top_k=top_k)
    # Bars have a least width; lanes keep them apart (margins are not known yet, hence 1.5).
    min_length = 1.5 * MIN_BAR * (shown[1] - shown[0]) / width
    classes_shown = select_classes(content.gt_labels, content.pred_labels[order], max_rows)
    rows = [
        make_row(label, *content[:4], order=order, max_lanes=max_lanes, min_length=min_length)
        for label in classes_shown
    ]
    names = [shorten(_name(row.label, classes), LABEL_SIZE, MAX_LABEL) for row in rows]
    fig, ax = _draw(content, rows, names, shown, width)
    if shown[1] > duration:
        ax.axvspan(duration, shown[1], color='#e6e6e6', zorder=0.5, linewidth=0)
    num_gt, num_pred = len(content.gt_labels), len(content.pred_labels)
    summary = _summary(rows, num_gt, num_pred, len(order), score_thr, top_k)
    draw_head(fig, width, title, summary, with_wrong=not content.correct[order].all())
    return fig


def _draw(content, rows, names, shown, width):
    """Figure and axes with the rows and bars in them."""
    left = 0.25 + max(
        text_width('seconds', SMALL_SIZE) + 0.15,
        *(text_width(name, LABEL_SIZE) for name in names),
        0.0,
    )
    fig, ax = make_canvas(rows, left, width)
    ax.set_xlim(*shown)
    bars = Bars(ax, inches_per_second=(width - left - RIGHT) / (shown[1] - shown[0]))
    for row, middle in zip(rows, draw_rows(ax, rows, names, width - left - RIGHT)):
        bars.draw_ground_truth(
            content.gt_segments[row.gt], row.gt_lanes, middle - row.num_gt_lanes * LANE - LANE_GAP
        )
        bars.draw_predictions(
            content.pred_segments[row.pred],
            row.pred_lanes,
            middle,
            content.pred_scores[row.pred],
            content.correct[row.pred],
        )
    return fig, ax


class Content(NamedTuple):
    """The segments of a video: (G, 2) and (G,) annotated, (M, 2) and three times (M,) predicted."""

    gt_segments: np.ndarray
    gt_labels: np.ndarray
    pred_segments: np.ndarray
    pred_labels: np.ndarray
    pred_scores: np.ndarray
    correct: np.ndarray

    @classmethod
    def checked(cls, gt_segments, gt_labels, pred_segments, pred_labels, scores, correct):
        """Arrays of what :func:`draw_timeline` is given.

        Raises:
            DataError: If shapes do not fit, or a time is not finite.
        """
        truth = _check('ground truth', gt_segments, gt_labels)
        found = _check('prediction', pred_segments, pred_labels)
        scores = np.asarray([] if scores is None else scores, dtype=np.float64)
        correct = np.ones(len(found[1]), bool) if correct is None else np.asarray(correct)
        if not len(found[0]) == len(scores) == len(correct):
            raise DataError(
                f'expected as many scores and verdicts as the {len(found[0])} '
                f'predictions, found {len(scores)} and {len(correct)}'
            )
        return cls(*truth, *found, scores, correct)

    def within(self, shown):
        """What overlaps the shown seconds."""
        gt, pred = (
            (segments[:, 0] <= shown[1]) & (segments[:, 1] >= shown[0])
            for segments in (self.gt_segments, self.pred_segments)
        )
        return Content(*(x[gt] for x in self[:2]), *(x[pred] for x in self[2:]))


def figure_to_image(fig: Figure) -> np.ndarray:
    """Render a figure into an (H, W, 3) uint8 RGB image."""
    canvas = cast(FigureCanvasAgg, fig.canvas)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def save_figure(fig: Figure, path, **kwargs) -> None:
    """Write a figure to ``path``, whole or not at all; the suffix names the format."""
    with atomic_write(path, 'wb') as file:
        fig.savefig(file, format=Path(path).suffix.lstrip('.') or 'png', **kwargs)


def _check(what, segments, labels):
    segments = np.asarray([] if segments is None else segments, dtype=np.float64).reshape(-1, 2)
    labels = np.asarray([] if labels is None else labels, dtype=np.int64)
    if labels.shape != segments.shape[:1]:
        raise DataError(
            f'expected one {what} label for each of {len(segments)} segments, '
            f'found shape {labels.shape}'
        )
    if not np.isfinite(segments).all():
        raise DataError(f'a {what} segment has a time that is not finite')
    return segments, labels


def _shown_range(duration, time_range, content):
    """The seconds to show, and the duration (the last end where it is not known)."""
    last = content.gt_segments.max(initial=0.0)
    if duration is None:
        duration = max(last, content.pred_segments.max(initial=0.0))
    low, high = time_range if time_range is not None else (0.0, max(duration, last) or 1.0)
    if not low < high:
        raise ConfigError(f'expected a time range of two ascending seconds, found {low}, {high}')
    return (float(low), float(high)), float(duration)


def _name(label, classes):
    return str(label) if classes is None else str(classes[label])


def _summary(rows, num_gt, num_pred, num_selected, score_thr, top_k) -> str:
    """What is shown, out of what, and what found no room."""
    shown_gt, shown = (
        sum(int((lanes >= 0).sum()) for lanes in all_lanes)
        for all_lanes in ([row.gt_lanes for row in rows], [row.pred_lanes for row in rows])
    )
    truth = f'{num_gt}' if shown_gt == num_gt else f'{shown_gt} of {num_gt}'
    limits = [f'score ≥ {score_thr:g}'] if score_thr > 0 else []
    limits += [f'best {top_k}'] if top_k is not None and num_pred > top_k else []
    hidden = num_selected - shown
    return (
        f'{truth} ground truth, {shown} of {num_pred} predictions'
        + (f' ({", ".join(limits)})' if limits else '')
        + (f', {hidden} more without room' if hidden else '')
    )
