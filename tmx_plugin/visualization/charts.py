# SPDX-License-Identifier: Apache-2.0
"""Charts of the report; colours are backed by hatching and numbers."""
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .error_analysis import KINDS
from .layout import DPI

# Okabe and Ito's colours, told apart with any colour vision.
KIND_STYLES = dict(zip(KINDS, (
    dict(color='#009e73'), dict(color='#56b4e9', hatch='..'), dict(color='#cc79a7', hatch='xx'),
    dict(color='#e69f00', hatch='//'), dict(color='#d55e00', hatch='\\\\'),
    dict(color='#bbbbbb'))))


def draw_profile(counts) -> Figure:
    """Stacked shares of the kinds of detections among the best G, the next best G, ...

    Args:
        counts (ndarray): (num_bins, 6) from ``false_positive_profile``.

    Returns:
        Figure: One bar a bin; bins without detections stay empty.
    """
    fig, ax = _axes(9, 3.6)
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    bottom = np.zeros(len(counts))
    for kind, part in zip(KINDS, share.T):
        ax.bar(np.arange(len(counts)), part, bottom=bottom, width=0.8, label=kind,
               edgecolor='white', linewidth=0.6, **KIND_STYLES[kind])
        for x, height, low in zip(range(len(part)), part, bottom):
            if height >= 6:
                ax.text(x, low + height / 2, f'{height:.0f}', ha='center', va='center',
                        fontsize=8, bbox=dict(facecolor='white', alpha=0.8, linewidth=0, pad=1))
        bottom += part
    names = ['best G', *(f'{i}–{i + 1} G' for i in range(1, len(counts)))]
    ax.set_xticks(range(len(counts)), names)
    ax.set_ylabel('share of detections (%)')
    ax.set_ylim(0, 100)
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles[::-1], labels[::-1], loc='outside right upper', frameon=False, fontsize=9)
    return fig


def draw_recall(recall, best_recall, count, edges, tious) -> Figure:
    """Recall by length of the ground truth: outlined by any detection, filled by the best G.

    Args:
        recall, best_recall (ndarray): (T, E) from ``recall_by_length``.
        count (ndarray): (E,) ground truths of each length.
        edges (ndarray): (E + 1,) seconds, the last infinite.
        tious (Sequence[float]): T thresholds.

    Returns:
        Figure: A group of T bars for each length.
    """
    fig, ax = _axes(9, 3.4)
    width = 0.8 / len(tious)
    shades = np.linspace(0.85, 0.35, len(tious))
    for i, (tiou, shade) in enumerate(zip(tious, shades)):
        x = np.arange(len(count)) + (i - (len(tious) - 1) / 2) * width
        color = (0.1, 0.35 * (2 - shade), shade)
        ax.bar(x, 100 * best_recall[i], width * 0.9, color=color, label=f'tIoU {tiou:g}')
        ax.bar(x, 100 * recall[i], width * 0.9, facecolor='none', edgecolor=color, linewidth=1)
    names = length_names(edges)
    if max(map(len, names)) > 13:  # would run into each other
        names = [name.replace('–', '–\n') for name in names]
    ax.set_xticks(range(len(count)), [f'{name}\n({n})' for name, n in zip(names, count)])
    ax.set_xlabel('length (number of segments)')
    ax.set_ylabel('recall (%)')
    ax.set_ylim(0, 100)
    handles, _ = ax.get_legend_handles_labels()
    gray = (0.4, 0.4, 0.4)
    handles += [Patch(facecolor='none', edgecolor=gray, label='all predictions'),
                Patch(color=gray, label='best G of a class')]
    fig.legend(handles=handles, loc='outside right upper', frameon=False, fontsize=9)
    return fig


def length_names(edges) -> list:
    """Groups of lengths in words: ``< 2 s``, ``2–4 s``, ``≥ 4 s``."""
    text = [f'{edge:.3g}' if edge < 1 else f'{edge:g}' for edge in edges]
    names = [f'{low}–{high} s' for low, high in zip(text[:-1], text[1:])]
    return [f'< {text[1]} s', *names[1:-1], f'≥ {text[-2]} s']


def _axes(width, height):
    fig = Figure(figsize=(width, height), dpi=DPI, layout='constrained', facecolor='white')
    FigureCanvasAgg(fig)
    ax = fig.add_subplot()
    for side in ('top', 'right'):
        ax.spines[side].set_visible(False)
    ax.grid(axis='y', color='#dddddd', linewidth=0.6)
    ax.set_axisbelow(True)
    return fig, ax
