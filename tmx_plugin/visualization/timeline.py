# SPDX-License-Identifier: Apache-2.0
"""Timeline of one video: ground truth against predictions, one row per class.

Pure functions of arrays; all times are in seconds. Figures are made without pyplot, so
that nothing here depends on a display or on global state.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..errors import ConfigError, DataError
from ..utils.files import atomic_write, file_name  # noqa: F401  (for this subpackage)
from .layout import DPI, Row, make_row, select_classes, select_predictions, shorten, text_width

# Sizes in inches; fonts in points.
LANE, LANE_GAP, ROW_PAD = 0.135, 0.02, 0.06
TOP, BOTTOM, RIGHT, MAX_LABEL = 0.66, 0.52, 0.3, 3.0
TITLE_SIZE, LABEL_SIZE, SMALL_SIZE, SCORE_SIZE = 11, 9, 8, 6.5
MIN_BAR = 0.02
# Ground truth is told from predictions by hatching and by lying above them, so that
# neither colour vision nor a colour printer is needed.
GT_STYLE = dict(facecolor='#d9d9d9', edgecolor='#333333', hatch='/////', linewidth=0.8)
SCORE_COLORS, WRONG_COLORS = (
    LinearSegmentedColormap.from_list('score', colormaps[name](np.linspace(0.15, 0.95, 64)))
    for name in ('Blues', 'Reds')
)
PRED_STYLE = dict(edgecolor='#08306b', linewidth=0.4)
WRONG_STYLE = dict(edgecolor='#67000d', linewidth=0.7, linestyle='--')


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
    gt_segments, gt_labels = _check('ground truth', gt_segments, gt_labels)
    pred_segments, pred_labels = _check('prediction', pred_segments, pred_labels)
    pred_scores = np.asarray([] if pred_scores is None else pred_scores, dtype=np.float64)
    correct = np.ones(len(pred_labels), bool) if pred_correct is None else np.asarray(pred_correct)
    if not len(pred_segments) == len(pred_scores) == len(correct):
        raise DataError(
            f'expected as many scores and verdicts as the {len(pred_segments)} '
            f'predictions, found {len(pred_scores)} and {len(correct)}'
        )
    shown, duration = _shown_range(duration, time_range, gt_segments, pred_segments)
    visible = np.flatnonzero(_overlaps(pred_segments, shown))
    order = visible[select_predictions(pred_scores[visible], score_thr=score_thr, top_k=top_k)]
    inside = _overlaps(gt_segments, shown)
    gt_segments, gt_labels = gt_segments[inside], gt_labels[inside]
    # Bars have a least width; lanes keep them apart (margins are not known yet, hence 1.5).
    min_length = 1.5 * MIN_BAR * (shown[1] - shown[0]) / width
    rows = [
        make_row(
            label,
            gt_segments,
            gt_labels,
            pred_segments,
            pred_labels,
            order=order,
            max_lanes=max_lanes,
            min_length=min_length,
        )
        for label in select_classes(gt_labels, pred_labels[order], max_rows)
    ]

    names = [shorten(_name(row.label, classes), LABEL_SIZE, MAX_LABEL) for row in rows]
    left = 0.25 + max(
        text_width('seconds', SMALL_SIZE) + 0.15,
        *(text_width(name, LABEL_SIZE) for name in names),
        0.0,
    )
    fig, ax = _canvas(rows, left, width)
    ax.set_xlim(*shown)
    bars = _Bars(ax, inches_per_second=(width - left - RIGHT) / (shown[1] - shown[0]))
    for row, middle in zip(rows, _draw_rows(ax, rows, names, width - left - RIGHT)):
        bars.draw_ground_truth(
            gt_segments[row.gt], row.gt_lanes, middle - row.num_gt_lanes * LANE - LANE_GAP
        )
        bars.draw_predictions(
            pred_segments[row.pred],
            row.pred_lanes,
            middle,
            pred_scores[row.pred],
            correct[row.pred],
        )
    if shown[1] > duration:
        ax.axvspan(duration, shown[1], color='#e6e6e6', zorder=0.5, linewidth=0)
    _head(
        fig,
        width,
        title,
        _summary(rows, len(gt_labels), len(visible), len(order), score_thr, top_k),
        with_wrong=not correct[order].all(),
    )
    return fig


def figure_to_image(fig: Figure) -> np.ndarray:
    """Render a figure into an (H, W, 3) uint8 RGB image."""
    fig.canvas.draw()
    return np.ascontiguousarray(np.asarray(fig.canvas.buffer_rgba())[..., :3])


def save_figure(fig: Figure, path, **kwargs) -> None:
    """Write a figure to ``path``, whole or not at all; the suffix names the format."""
    with atomic_write(path, 'wb') as file:
        fig.savefig(file, format=Path(path).suffix.lstrip('.') or 'png', **kwargs)


class _Bars:
    """Draws bars of one timeline; positions are (seconds, inches from the top)."""

    def __init__(self, ax, inches_per_second: float) -> None:
        self.ax = ax
        self.scale = inches_per_second

    def _boxes(self, segments, lanes, top):
        left = segments[:, 0]
        # Segments below a pixel stay visible.
        right = np.maximum(segments[:, 1], left + MIN_BAR / self.scale)
        upper = top + lanes * LANE + 0.01
        lower = upper + LANE - 0.02
        corners = ((left, upper), (right, upper), (right, lower), (left, lower))
        return np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)

    def draw_ground_truth(self, segments, lanes, top) -> None:
        """Add hatched bars."""
        fit = lanes >= 0
        if fit.any():
            self.ax.add_collection(
                PolyCollection(self._boxes(segments[fit], lanes[fit], top), zorder=2, **GT_STYLE)
            )

    def draw_predictions(self, segments, lanes, top, scores, correct) -> None:
        """Add bars shaded by score, with the score written where it has room."""
        for verdict, colors, style in (
            (True, SCORE_COLORS, PRED_STYLE),
            (False, WRONG_COLORS, WRONG_STYLE),
        ):
            fit = (lanes >= 0) & (correct == verdict)
            if fit.any():
                self.ax.add_collection(
                    PolyCollection(
                        self._boxes(segments[fit], lanes[fit], top),
                        zorder=2,
                        facecolor=colors(scores[fit]),
                        **style,
                    )
                )
        room = text_width('0.00', SCORE_SIZE) * 1.2 / self.scale
        low, high = self.ax.get_xlim()
        for (start, end), lane, score in zip(np.clip(segments, low, high), lanes, scores):
            if lane >= 0 and end - start >= room:
                self.ax.text(
                    (start + end) / 2,
                    top + (lane + 0.5) * LANE,
                    f'{score:.2f}',
                    ha='center',
                    va='center_baseline',
                    fontsize=SCORE_SIZE,
                    zorder=3,
                    color='white' if score > 0.6 else 'black',
                )


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


def _shown_range(duration, time_range, gt_segments, pred_segments):
    """The seconds to show, and the duration (the last end where it is not known)."""
    last = gt_segments.max(initial=0.0)
    if duration is None:
        duration = max(last, pred_segments.max(initial=0.0))
    low, high = time_range if time_range is not None else (0.0, max(duration, last) or 1.0)
    if not low < high:
        raise ConfigError(f'expected a time range of two ascending seconds, found {low}, {high}')
    return (float(low), float(high)), float(duration)


def _overlaps(segments, shown):
    return (segments[:, 0] <= shown[1]) & (segments[:, 1] >= shown[0])


def _name(label, classes):
    return str(label) if classes is None else str(classes[label])


def _row_height(row: Row) -> float:
    return 2 * ROW_PAD + LANE_GAP + LANE * (row.num_gt_lanes + row.num_pred_lanes)


def _canvas(rows, left, width):
    """Figure and axes whose y axis runs downwards in inches."""
    plot = max(sum(map(_row_height, rows)), 0.5)
    height = TOP + plot + BOTTOM
    fig = Figure(figsize=(width, height), dpi=DPI, facecolor='white')
    FigureCanvasAgg(fig)
    ax = fig.add_axes((left / width, BOTTOM / height, 1 - (left + RIGHT) / width, plot / height))
    ax.set_ylim(plot, 0)
    ax.set_yticks([])
    ax.xaxis.set_major_locator(MaxNLocator(nbins=12, steps=[1, 2, 3, 5, 6, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, ax)))
    ax.tick_params(axis='x', labelsize=SMALL_SIZE, length=3)
    ax.grid(axis='x', color='#dddddd', linewidth=0.6, zorder=0.6)
    ax.set_axisbelow(True)
    for side in ('top', 'right', 'left'):
        ax.spines[side].set_visible(False)
    # The unit stands in the label column, where no tick label can reach it.
    ax.annotate(
        'seconds',
        xy=(0, 0),
        xycoords='axes fraction',
        xytext=(-20, -5.5),
        textcoords='offset points',
        ha='right',
        va='top',
        fontsize=SMALL_SIZE,
        color='#444444',
    )
    return fig, ax


def _tick(value: float, ax) -> str:
    """Seconds, and below them minutes (and hours) where the axis is longer than two minutes."""
    text = f'{value:g}'
    if ax.get_xlim()[1] <= 120:
        return text
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    clock = f'{hours}:{minutes:02d}:{seconds:02d}' if hours else f'{minutes}:{seconds:02d}'
    return f'{text}\n{clock}'


def _draw_rows(ax, rows, names, plot_width):
    """Draw background and name of each row; returns where its prediction lanes begin."""
    if not rows:
        ax.text(
            0.5,
            0.5,
            'nothing to show',
            ha='center',
            va='center',
            color='#666666',
            transform=ax.transAxes,
        )
    top, middles = 0.0, []
    for index, (row, name) in enumerate(zip(rows, names)):
        bottom = top + _row_height(row)
        if index % 2:
            ax.axhspan(top, bottom, color='#f5f6f8', zorder=0, linewidth=0)
        ax.text(
            -0.1 / plot_width,
            (top + bottom) / 2,
            name,
            ha='right',
            va='center',
            fontsize=LABEL_SIZE,
            transform=ax.get_yaxis_transform(),
            parse_math=False,
        )
        middles.append(top + ROW_PAD + row.num_gt_lanes * LANE + LANE_GAP)
        top = bottom
    return middles


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


def _head(fig, width, title, summary, with_wrong) -> None:
    """Title, second line and legend above the axes."""
    height = fig.get_figheight()
    fig.text(
        0.1 / width,
        1 - 0.09 / height,
        shorten(title, TITLE_SIZE, width - 0.2, 'bold'),
        fontsize=TITLE_SIZE,
        fontweight='bold',
        va='top',
        parse_math=False,
    )
    handles = [
        Patch(label='ground truth', **GT_STYLE),
        Patch(label='prediction', facecolor=SCORE_COLORS(0.6), **PRED_STYLE),
    ]
    if with_wrong:
        handles.append(Patch(label='wrong prediction', facecolor=WRONG_COLORS(0.6), **WRONG_STYLE))
    line = 1 - 0.47 / height  # centre of the second line
    bar_width, bar_left = 0.9, width - RIGHT - 1.1
    bar = fig.add_axes((bar_left / width, line - 0.05 / height, bar_width / width, 0.1 / height))
    colorbar = fig.colorbar(
        ScalarMappable(cmap=SCORE_COLORS), cax=bar, orientation='horizontal', ticks=[]
    )
    colorbar.outline.set_linewidth(0.5)
    for x, text, side in (
        (bar_left - 0.05, 'score 0', 'right'),
        (bar_left + bar_width + 0.05, '1', 'left'),
    ):
        fig.text(x / width, line, text, fontsize=SMALL_SIZE, ha=side, va='center_baseline')
    legend_right = bar_left - 0.35 - text_width('score 0', SMALL_SIZE)
    fig.legend(
        handles=handles,
        loc='center right',
        ncols=len(handles),
        fontsize=SMALL_SIZE,
        frameon=False,
        bbox_to_anchor=(legend_right / width, line),
        borderaxespad=0,
        borderpad=0,
        handlelength=2.2,
        handleheight=0.9,
        columnspacing=1.2,
    )
    used = sum(0.55 + text_width(handle.get_label(), SMALL_SIZE) for handle in handles)
    fig.text(
        0.1 / width,
        line,
        shorten(summary, SMALL_SIZE, legend_right - used - 0.3),
        fontsize=SMALL_SIZE,
        color='#444444',
        va='center_baseline',
    )
