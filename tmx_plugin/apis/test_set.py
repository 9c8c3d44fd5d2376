# SPDX-License-Identifier: Apache-2.0
"""Predictions of a checkpoint on the test set of its config."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..engine.launch import build_runner, explained_end, read_config
from ..errors import ConfigError


class TestSetPredictions(NamedTuple):
    """What a test run wrote and what it was measured with.

    Attributes:
        predictions (Path): ActivityNet json.
        annotations (Path): The test set's annotation file.
        subsets (tuple[str]): Its subsets.
        videos (list[str]): The videos that were tested.
        tious (list[float]): tIoU thresholds of the metric.
    """

    predictions: Path
    annotations: Path
    subsets: Sequence[str]
    videos: list
    tious: list


def predict_test_set(config, checkpoint, out_dir, root) -> TestSetPredictions:
    """Test a checkpoint and write its predictions.

    Args:
        config (str): Config file, or the name of one of this package.
        checkpoint (str): Its weights.
        out_dir (str | Path): Folder for ``predictions.json`` and, below ``test``, the logs.
        root (Path): Folder that holds ``configs/``.

    Returns:
        TestSetPredictions: See there.

    Raises:
        WriteError: The disk is full, or the folder cannot be written to.
        ConfigError: The config tests no data set of annotated videos with ``TALMetric``.
    """
    cfg = read_config(str(config), root)
    evaluators = cfg.get('test_evaluator') or []
    evaluators = list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]
    metric = next((item for item in evaluators if item['type'] == 'TALMetric'), None)
    if metric is None:
        raise ConfigError(
            f'{config}: expected a TALMetric as test_evaluator, found '
            f'{[item["type"] for item in evaluators]}'
        )
    path = Path(out_dir) / 'predictions.json'
    metric.out_file = str(path)
    cfg.update(
        test_evaluator=evaluators,
        work_dir=str(Path(out_dir) / 'test'),
        resume=False,
        load_from=str(checkpoint),
        launcher='none',
    )
    with explained_end(cfg.work_dir):
        runner = build_runner(cfg)
        runner.test()
    dataset = runner.test_dataloader.dataset
    return TestSetPredictions(
        path,
        Path(dataset.ann_file),
        dataset.subset,
        [dataset.get_data_info(i)['video_id'] for i in range(len(dataset))],
        runner.test_evaluator.metrics[evaluators.index(metric)].tiou_thresholds,
    )
