# SPDX-License-Identifier: Apache-2.0
"""Curves of growth: exponents and a picture. Loads no torch."""

import math
from pathlib import Path

#: What the growth curves vary, one at a time.
GROWTH = dict(
    num_gts=(100, 300, 600, 1000),
    num_classes=(100, 293, 600, 1000),
    length=(2304, 5000, 10000, 20000),
)


def growth_curves(rows: list) -> dict:
    """Each axis with its values, times and memory, and the exponents that fit the times.

    The exponent is that of value ** exponent between the largest value and a half to a third of
    it: 1 is linear, less where what does not depend on the value takes most of the time.
    """
    curves = {}
    for axis in GROWTH:
        points = [row for row in rows if row['case'].startswith(axis)]
        curve = dict(values=[row['arguments'][axis] for row in points])
        for name in ('step_seconds', 'post_seconds', 'peak'):
            curve[name] = [row['measured'][name] for row in points]
            growth = math.log(curve[name][-1] / curve[name][-2])
            curve[f'{name}_exponent'] = growth / math.log(curve['values'][-1] / curve['values'][-2])
        curves[axis] = curve
    return curves


def draw_growth(rows: list, path: str) -> None:
    """Times, relative to the least value of each axis, and memory."""
    from matplotlib.figure import Figure

    from tmx_plugin.utils.files import atomic_write

    titles = dict(num_gts='segments a video', num_classes='classes', length='grid length T')
    fig = Figure(figsize=(9, 7), layout='constrained')
    for (axis, curve), column in zip(
        growth_curves(rows).items(), fig.subplots(3, 3, sharex='col').T
    ):
        for ax, name in zip(column, ('step_seconds', 'post_seconds', 'peak')):
            scale = 1e9 if name == 'peak' else curve[name][0]
            label = f'exponent {curve[f"{name}_exponent"]:.2f}'
            ax.plot(curve['values'], [value / scale for value in curve[name]], 'o-', label=label)
            ax.set_ylim(bottom=0)
            ax.grid(alpha=0.3)
            ax.legend(fontsize=8)
        column[0].set(ylabel='training step, relative')
        column[1].set(ylabel='post-processing, relative')
        column[2].set(xlabel=titles[axis], ylabel='peak memory (GB)')
    fig.suptitle('Epic noun: 300 segments, 293 classes, T = 2304 unless varied', fontsize=10)
    with atomic_write(path, 'wb') as file:
        fig.savefig(file, format=Path(path).suffix[1:], dpi=150)
