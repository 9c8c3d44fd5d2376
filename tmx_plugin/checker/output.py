# SPDX-License-Identifier: Apache-2.0
"""Tables and the picture of a check of data."""

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tmx_plugin.utils.files import atomic_write

from ..structures.video_time import VideoTime
from .coverage import UNLIMITED
from .splits import duration_stats

COLORS = {'error': 'red', 'warning': 'yellow', 'advice': 'cyan'}


def print_report(reports, findings, console: Console, *, list_all: bool = False) -> None:
    """Print what there is, how the levels share the segments, and what was found.

    Args:
        reports (Sequence[SplitReport]): Of all splits.
        findings (Sequence[Finding]): Those that concern no single split.
        console (Console): Where to.
        list_all (bool): Name all videos, files or classes concerned, not only some.
    """
    console.print(_overview(reports))
    for report in reports:
        if report.subsets:
            console.print(escape(_facts(report)), highlight=False)
        if report.coverage is not None and len(report.coverage.matched):
            console.print(_levels(report))
    rows = [(report.split, finding) for report in reports for finding in report.findings]
    rows += [('', finding) for finding in findings]
    if not rows:
        console.print('No issues found.', style='green')
        return
    table = Table('split', 'level', 'check', 'found', title='Findings', title_justify='left')
    order = list(COLORS)
    for split, finding in sorted(rows, key=lambda row: order.index(row[1].level)):
        text = finding.message
        if list_all and finding.items:
            text += '\n  ' + '\n  '.join(str(item) for item in dict.fromkeys(finding.items))
        table.add_row(
            split, finding.level, finding.check, escape(text), style=COLORS[finding.level]
        )
    console.print(table)


def _overview(reports) -> Table:
    table = Table(
        'split',
        'subset',
        'videos',
        'missing',
        'segments',
        'classes',
        'width',
        'length T',
        title='Data',
        title_justify='left',
    )
    for report in reports:
        lengths = list(report.facts.lengths.values())
        widths = sorted(set(report.facts.widths.values()))
        table.add_row(
            report.split,
            report.subset,
            str(len(report.data_list)),
            str(len(report.missing)),
            str(sum(len(info['labels']) for info in report.data_list)),
            str(len(report.classes)),
            ', '.join(map(str, widths[:3])) or '-',
            f'{min(lengths)} - {max(lengths)}' if lengths else '-',
        )
    return table


def _facts(report) -> str:
    """Subsets of the file and lengths of segments, in a line each."""
    lines = []
    if report.subsets:
        lines.append(
            f'{report.split}: {report.ann_file} has '
            + ', '.join(
                f'{name}: {videos} videos, {segments} segments'
                for name, (videos, segments) in report.subsets.items()
            )
        )
    stats = duration_stats(report)
    if stats is not None:
        low, few, median, most, high = stats
        lines.append(
            f'{report.split}: segments last {low:.3g} s to {high:.3g} s, 90 % of them '
            f'{few:.3g} s to {most:.3g} s, half of them less than {median:.3g} s'
        )
    return '\n'.join(lines)


def _levels(report) -> Table:
    coverage = report.coverage
    total = len(coverage.matched)
    step = _step_seconds(report)
    table = Table(
        'level',
        'stride',
        'regression range',
        'for segments of about',
        'segments with a positive',
        title=f'{report.split}: {coverage.matched.mean():.2%} of {total} segments get a '
        f'positive point, {coverage.positive_points / max(coverage.points, 1):.2%} of '
        f'{coverage.points} points are positive',
        title_justify='left',
    )
    for level, ((low, high), count) in enumerate(zip(coverage.ranges, coverage.per_level)):
        upper = 'any' if high >= UNLIMITED else f'{2 * high * step:.3g} s'
        table.add_row(
            str(level),
            str(2**level),
            f'{low:g} - {high:g}',
            f'{2 * low * step:.3g} s - {upper}',
            f'{count} ({count / total:.1%})',
        )
    return table


def _step_seconds(report) -> float:
    """Median length of a grid step in seconds."""
    return float(np.median([VideoTime.of(info).step for info in report.data_list]))


def plot_durations(report, path) -> None:
    """Draw the durations of segments against the regression ranges.

    The bands are the segments whose half length lies in a level's range; bars are stacked from
    segments with and without a positive point.

    Args:
        report (SplitReport): With a coverage.
        path (str | Path): Picture to write; its suffix tells the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    coverage, step = report.coverage, _step_seconds(report)
    grid = 2 * coverage.half_length
    usable = grid > 0
    lengths, matched = grid[usable], coverage.matched[usable]
    figure = Figure(figsize=(9, 4.5), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    low, high = lengths.min() / 1.2, lengths.max() * 1.2
    bins = np.geomspace(low, high, 60).tolist()
    axes.hist(
        [lengths[matched], lengths[~matched]],
        bins,
        stacked=True,
        color=['tab:blue', 'tab:red'],
        label=['with a positive point', 'without'],
    )
    _draw_ranges(axes, coverage.ranges, low, high)
    axes.set(
        xscale='log',
        xlim=(low, high),
        xlabel='length of segments, grid steps',
        ylabel='segments',
        title=f'{report.split}: {coverage.matched.mean():.1%} of '
        f'{len(grid)} segments get a positive point',
    )
    axes.margins(y=0.3)
    scales = (lambda x: np.multiply(x, step), lambda x: np.divide(x, step))
    seconds = axes.secondary_xaxis(-0.17, functions=scales)
    seconds.set_xlabel('seconds')
    for axis in (axes.xaxis, seconds.xaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter(NullFormatter())
    axes.legend(loc='center right')
    with atomic_write(path, 'wb') as file:
        figure.savefig(file, format=str(path).rsplit('.', 1)[-1], dpi=120)


def _draw_ranges(axes, ranges, low: float, high: float) -> None:
    """A band at the top for the segments whose half length lies in the range of each level."""
    for level, (start, end) in enumerate(ranges):
        left, right = max(2 * start, low), min(2 * end, high)
        if left < right:
            top = 1 - 0.03 * level
            axes.axvspan(left, right, ymin=top - 0.03, ymax=top, color=f'C{level + 2}', alpha=0.8)
            axes.text(
                np.sqrt(left * right),
                top - 0.015,
                f'level {level}',
                fontsize=7,
                ha='center',
                va='center',
                transform=axes.get_xaxis_transform(),
            )
