# SPDX-License-Identifier: Apache-2.0
"""All formats that detections can be written in: a writer is one file and one entry here.

The readers of annotations have a registry of the same form, ``datasets/formats/registry.py``. It
lies apart because the metric writes predictions, and metrics lie below data sets.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .activitynet import write_activitynet
from .csv_table import write_csv
from .epic_submission import write_epic_submission
from .label_studio_predictions import write_label_studio
from .subtitles import write_srt, write_vtt


@dataclass(frozen=True)
class DetectionFormat:
    """One format.

    Attributes:
        name (str): What the command line calls it.
        write (Callable): ``write(detections, path, **options)``; of one video where ``per_video``.
        suffix (str): Of the file.
        options (tuple[str]): Further arguments of the writer.
        per_video (bool): Whether each video has a file of its own.
    """

    name: str
    write: Callable
    suffix: str
    options: tuple[str, ...] = ()
    per_video: bool = False


#: By name.
FORMATS = {
    item.name: item
    for item in (
        DetectionFormat('activitynet', write_activitynet, '.json'),
        DetectionFormat('csv', write_csv, '.csv'),
        DetectionFormat('srt', write_srt, '.srt', per_video=True),
        DetectionFormat('vtt', write_vtt, '.vtt', per_video=True),
        DetectionFormat(
            'label-studio', write_label_studio, '.label-studio.json', ('frame_rate', 'video_urls')
        ),
        DetectionFormat(
            'epic', write_epic_submission, '.epic.json', ('sls_pt', 'sls_tl', 'sls_td')
        ),
    )
}
