# SPDX-License-Identifier: Apache-2.0
"""Detections as a table for spreadsheets and scripts."""
import csv
from pathlib import Path

from tmx_plugin.utils.files import atomic_write


def write_csv(detections: dict, path) -> Path:
    """Write ``video,start,end,label,score`` with a header, a row a detection.

    Args:
        detections (dict): ``{video: [{'label', 'score', 'segment'}]}``, seconds; ``score`` may be
            left out, and its field is then empty.
        path (str | Path): The .csv file.

    Returns:
        Path: ``path``.
    """
    with atomic_write(path, newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(['video', 'start', 'end', 'label', 'score'])
        for video, items in detections.items():
            for item in items:
                writer.writerow([video, *item['segment'], item['label'], item.get('score')])
    return Path(path)
