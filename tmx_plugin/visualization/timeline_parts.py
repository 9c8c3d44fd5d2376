# SPDX-License-Identifier: Apache-2.0
"""The parts of a timeline's picture: canvas, rows, bars and head.

Sizes are in inches; fonts in points; times in seconds.
"""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .layout import DPI, Row, shorten, text_width

LANE, LANE_GAP, ROW_PAD = 0.135, 0.02, 0.06
TOP, BOTTOM, RIGHT, MAX_LABEL = 0.66, 0.52, 0.3, 3.0
TITLE_SIZE, LABEL_SIZE, SMALL_SIZE, SCORE_SIZE = 11, 9, 8, 6.5
MIN_BAR = 0.02
# Ground truth is told from predictions by hatching and by lying above them, so that
# neither colour vision nor a colour printer is needed.
GT_STYLE: dict[str, Any] = dict(
    facecolor='#d9d9d9', edgecolor='#333333', hatch='/////', linewidth=0.8
)
SCORE_COLORS, WRONG_COLORS = (
    LinearSegmentedColormap.from_list('score', colormaps[name](np.linspace(0.15, 0.95, 64)))
    for name in ('Blues', 'Reds')
)
PRED_STYLE: dict[str, Any] = dict(edgecolor='#08306b', linewidth=0.4)
WRONG_STYLE: dict[str, Any] = dict(edgecolor='#67000d', linewidth=0.7, linestyle='--')


class Bars:
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


def _row_height(row: Row) -> float:
    return 2 * ROW_PAD + LANE_GAP + LANE * (row.num_gt_lanes + row.num_pred_lanes)


def make_canvas(rows, left, width):
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


def draw_rows(ax, rows, names, plot_width):
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


def draw_head(fig, width, title, summary, with_wrong) -> None:
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
    legend_right = _draw_colorbar(fig, width, line) - 0.35 - text_width('score 0', SMALL_SIZE)
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


def _draw_colorbar(fig, width, line) -> float:
    """Draw the scale of scores at the right, and return where it begins."""
    height = fig.get_figheight()
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
    return bar_left
