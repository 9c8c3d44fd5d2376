# SPDX-License-Identifier: Apache-2.0
"""What every exporter refuses, and texts that any encoding can hold."""

from collections.abc import Mapping

from ..errors import DataError
from ..utils.text_files import is_finite


def require_finite(detections: Mapping) -> None:
    """Refuse NaN and infinity, which most formats cannot express and no reader expects.

    Args:
        detections (dict): ``{video: [{'label', 'score', 'segment'}]}``, seconds; ``score`` may be
            left out.

    Raises:
        DataError: With the video and the detection.
    """
    for video, items in detections.items():
        for number, item in enumerate(items):
            values = [*item['segment'], 0 if item.get('score') is None else item['score']]
            if not all(map(is_finite, values)):
                raise DataError(
                    f'video {video!r}: expected finite times and score in detection '
                    f'{number}, found {item!r:.200}'
                )


def encodable(text: str) -> str:
    """Text with U+FFFD for lone surrogates, which UTF-8 cannot hold."""
    return ''.join('\ufffd' if '\ud800' <= char <= '\udfff' else char for char in text)
