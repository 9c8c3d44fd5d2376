# SPDX-License-Identifier: Apache-2.0
"""Detections as a table for spreadsheets and scripts."""

import csv
from collections.abc import Mapping
from pathlib import Path

from tmx_plugin.utils.files import atomic_write

from .checked import encodable, require_finite

#: A spreadsheet computes what a cell begins with one of these, or with blanks before it.
_FORMULA = ('=', '+', '-', '@', '\t', '\r')


def write_csv(detections: Mapping, path: str | Path) -> Path:
    """Write ``video,start,end,label,score`` with a header, a row a detection.

    Names that a spreadsheet would take for a formula get an apostrophe in front.

    Args:
        detections (dict): ``{video: [{'label', 'score', 'segment'}]}``, seconds; ``score`` may be
            left out, and its field is then empty.
        path (str | Path): The .csv file.

    Returns:
        Path: ``path``.

    Raises:
        DataError: If a time or score is not finite.
    """
    require_finite(detections)
    with atomic_write(path, newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(['video', 'start', 'end', 'label', 'score'])
        for video, items in detections.items():
            for item in items:
                writer.writerow(
                    [_cell(video), *item['segment'], _cell(item['label']), item.get('score')]
                )
    return Path(path)


def _cell(text: str) -> str:
    text = encodable(text)
    return f"'{text}" if text.lstrip(' ').startswith(_FORMULA) else text
