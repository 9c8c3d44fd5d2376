# SPDX-License-Identifier: Apache-2.0
"""Reading and printing for ``--against``."""

import csv
from pathlib import Path
from typing import Optional

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..datasets.feature_io import FEATURE_SUFFIXES, read_features
from ..datasets.side_file import read_side_file
from ..features.storage import find_files
from ..utils.files import atomic_write
from .feature_comparison import Comparison, compare_features, median
from .output import COLORS


def compare_folders(
    own: str, reference: str, stride: Optional[float] = None, clip_len: Optional[float] = None
) -> Comparison:
    """Compare the feature files of two folders, of the videos that are in both.

    Args:
        own (str): Folder of the user's features; side files there say stride and clip length.
        reference (str): Folder of the features to compare with.
        stride, clip_len (float, optional): See :func:`compare_features`; default: what the first
            side file says.

    Raises:
        MissingFileError: If a folder holds no features.
        DataError: If no video is in both, or the widths differ.
    """
    files = [dict(find_files(folder, FEATURE_SUFFIXES)[0]) for folder in (own, reference)]
    shared = sorted(set(files[0]) & set(files[1]))
    sides = [side for name in shared[:1] if (side := read_side_file(files[0][name]))]
    if sides:
        stride = stride or sides[0].get('stride')
        clip_len = clip_len or sides[0].get('clip_len')
    # Without a shared video the names alone make the message.
    own_files, reference_files = (
        {
            name: read_features(paths[name]) if shared else np.empty((0, 0))
            for name in shared or paths
        }
        for paths in files
    )
    return compare_features(own_files, reference_files, stride, clip_len)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print what was measured and what differs."""
    table = Table(
        'stream',
        'most like',
        'correlation (5 %, median)',
        'without correction',
        'scale',
        'features per reference',
        'late by',
        'zeros, reference',
        title=f'{len(comparison.videos)} videos compared',
        title_justify='left',
    )
    for stream in comparison.streams:
        own_zeros, reference_zeros = stream.zeros.mean(axis=1)
        finite = stream.correlation[np.isfinite(stream.correlation)]
        low = np.quantile(finite, 0.05) if len(finite) else 0.0
        table.add_row(
            stream.name,
            stream.matched,
            f'{low:.3f}, {stream.median:.3f}',
            f'{stream.plain:.3f}',
            f'{median(stream.scale):.3f}',
            f'{float(stream.ratio):g}',
            str(stream.lag),
            f'{own_zeros:.1%}, {reference_zeros:.1%}',
        )
    console.print(table)
    for finding in comparison.findings:
        console.print(
            f'{finding.level}: {escape(finding.message)}',
            style=COLORS[finding.level],
            highlight=False,
        )
    if not comparison.findings:
        console.print('The features are the same.', style='green')


def write_channels(comparison: Comparison, path: str) -> None:
    """Write a csv table with a row a channel."""
    with atomic_write(Path(path), newline='') as file:
        writer = csv.writer(file)
        writer.writerow(
            ['stream', 'channel', 'correlation', 'scale', 'lag', 'zeros', 'zeros_reference']
        )
        for stream in comparison.streams:
            rows = zip(stream.correlation, stream.scale, *stream.zeros)
            for number, (correlation, scale, *zeros) in enumerate(rows):
                writer.writerow(
                    [
                        stream.name,
                        number,
                        f'{correlation:.6f}',
                        f'{scale:.6f}',
                        stream.lag,
                        *(f'{share:.6f}' for share in zeros),
                    ]
                )
