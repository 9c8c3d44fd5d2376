# SPDX-License-Identifier: Apache-2.0
"""Ground truth and predictions as a FiftyOne dataset, to browse and evaluate there."""

from collections.abc import Sequence
from typing import Any, Optional

from ..errors import DataError, MissingPackageError


def write_fiftyone(
    annotations: Sequence, videos: dict, name: str, predictions: Optional[dict] = None
) -> Any:
    """Make a FiftyOne dataset with temporal detections.

    Args:
        annotations (Sequence[VideoAnnotation]): From ``read_annotations``.
        videos (dict): Path of the video file by name; videos without one are left out.
        name (str): Name of the dataset; one of this name must not exist.
        predictions (dict | None): ``{video: [{'label', 'score', 'segment'}]}``, seconds.

    Returns:
        fiftyone.Dataset: Persistent, a sample a video: ``ground_truth`` and, where there are
        predictions, ``predictions`` are ``TemporalDetections`` in frames; ``tags`` hold the
        subset and ``video_id`` the name.

    Raises:
        MissingPackageError: FiftyOne is not installed.
        DataError: There is a dataset of this name already, or no database.
    """
    try:
        import fiftyone as fo
    except ImportError as error:
        raise MissingPackageError(
            'writing FiftyOne datasets needs it: pip install "tmx_plugin[fiftyone]"'
        ) from error
    try:
        exists = fo.dataset_exists(name)
    except fo.core.config.FiftyOneConfigError as error:
        raise DataError(f'FiftyOne cannot reach its database: {error}') from error
    if exists:
        raise DataError(f'expected a new name for the FiftyOne dataset, found that {name!r} exists')
    samples = []
    for each in annotations:
        if each.video_id not in videos:
            continue
        sample = fo.Sample(
            filepath=str(videos[each.video_id].resolve()),
            tags=[each.subset],
            video_id=each.video_id,
        )
        sample.compute_metadata()
        truth = [
            dict(label=label, segment=segment.tolist())
            for label, segment in zip(each.labels, each.segments_sec)
        ]
        sample['ground_truth'] = _detections(fo, truth, sample)
        if predictions is not None:
            sample['predictions'] = _detections(fo, predictions.get(each.video_id, []), sample)
        samples.append(sample)
    dataset = fo.Dataset(name, persistent=True)
    dataset.add_samples(samples)
    return dataset


def _detections(fo: Any, items: Sequence[dict], sample: Any) -> Any:
    """Segments in seconds as temporal detections, which count frames from 1."""
    return fo.TemporalDetections(
        detections=[
            fo.TemporalDetection.from_timestamps(
                item['segment'], sample=sample, label=item['label'], confidence=item.get('score')
            )
            for item in items
        ]
    )
