# SPDX-License-Identifier: Apache-2.0
"""A self-contained HTML page on a set of predictions: where they are good, and what goes wrong."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np
from markupsafe import Markup

from ..evaluation.functional import error_analysis as errors
from ..evaluation.functional.characteristics import MIN_PRECISION
from ..utils.files import atomic_write
from .charts import report_charts
from .comparison import compare
from .page import finite, json_script, write_page
from .player import MAX_PREDICTIONS, SCRIPTS, Track, player_data
from .report_data import Analysis
from .results import Results


def write_report(
    results: Results,
    path,
    tious: Sequence[float],
    *,
    title: str = 'Report',
    main_tiou: float = 0.5,
    score_thr: Optional[float] = None,
    top_k: Optional[int] = None,
    num_videos: int = 20,
    rule: str = 'detad',
    buckets: str = 'auto',
    videos: Optional[dict] = None,
    other: Optional[Results] = None,
    other_name: str = 'other',
    thresholds_file=None,
) -> dict:
    """Analyse predictions; write the report and ``report.json`` beside it.

    Args:
        results (Results): Ground truth and predictions.
        path (str | Path): The HTML file to write; all but the videos is inside.
        tious (Sequence[float]): tIoU thresholds of the mAP.
        title (str): Heading.
        main_tiou (float): Threshold at which single detections are called right or wrong.
        score_thr (float | None): Least score shown in the player at first; if None the
            threshold of best F1 over all classes.
        top_k (int | None): Predictions of a video in the player at most; if None so many that
            there are ``player.MAX_PREDICTIONS`` in all at most.
        num_videos (int): Rows of the table of videos at first.
        rule (str): How false positives are judged, one of ``error_analysis.RULES``.
        buckets (str): Groups of lengths and so on: ``'auto'`` or a key of
            ``evaluation.functional.characteristics.BUCKETS``.
        videos (dict | None): Path of the video file by name, as far as there are.
        other (Results | None): Other predictions on the same annotations, to compare with.
        other_name (str): What the report calls them.
        thresholds_file (str | Path | None): Write the best threshold of each class here.

    Returns:
        dict: ``average_mAP`` and ``mAP@...`` in percent, as in the report.
    """
    analysis = Analysis(results, tious, main_tiou, rule, buckets)
    document = dict(analysis.document(title), comparison=None)
    if other is not None:
        other_analysis = Analysis(other, tious, main_tiou, rule, analysis.buckets)
        document['comparison'] = dict(compare(analysis, other_analysis), name=other_name)
    document = finite(document)
    thresholds = analysis.operating_thresholds
    player = player_data(
        tracks(analysis, document['videos'], videos or {}),
        results.classes,
        Path(path).parent,
        score=thresholds.default if score_thr is None else score_thr,
        main_tiou=analysis.main_tiou,
        thresholds=analysis.thresholds,
        top_k=top_k,
    )
    with atomic_write(Path(path).with_suffix('.json')) as file:
        json.dump(document, file, allow_nan=False)
    if thresholds_file is not None:
        thresholds.write(thresholds_file)
    note = _what_is_inside(player, len(results.det))
    _write_html(path, document, player, title=title, num_videos=num_videos, note=note)
    return analysis.summary()


def _write_html(path, document: dict, player: dict, **values) -> None:
    """Fill the template with a document, the player's data and further values."""
    write_page(
        path,
        'report.html',
        (*SCRIPTS, 'report'),
        doc=document,
        min_tiou=errors.MIN_TIOU,
        min_precision=MIN_PRECISION,
        player_json=json_script(player),
        report_json=json_script(
            {key: document[key] for key in ('classes', 'curves', 'operating_points')}
        ),
        chart_json=json_script(report_charts(document)),
        plotly_js=_plotly(),
        **values,
    )


def tracks(analysis: Analysis, order: Sequence[dict], videos: dict) -> list:
    """What the player shows of each video.

    Args:
        analysis (Analysis): The predictions, judged.
        order (Sequence[dict]): With the ``name`` of each video, in the order wanted.
        videos (dict): Path of the video file by name, as far as there are.

    Returns:
        list[Track]: Of each video.
    """
    results = analysis.results
    gt_rows, det_rows = (
        _split(table.videos, len(results.videos)) for table in (results.gt, results.det)
    )
    number = {name: i for i, name in enumerate(results.videos)}
    kinds = analysis.kinds[-1]
    found = []
    for row in order:
        name = row['name']
        gt, det = gt_rows[number[name]], det_rows[number[name]]
        found.append(
            Track(
                name,
                results.durations.get(name, np.nan),
                videos.get(name),
                results.gt.segments[gt],
                results.gt.labels[gt],
                analysis.found_score[gt],
                results.det.segments[det],
                analysis.scores[det],
                results.det.labels[det],
                kinds[det],
            )
        )
    return found


def _split(videos, count: int) -> list:
    """Rows of each video 0 to count - 1."""
    order = np.argsort(videos, kind='stable')
    return np.split(order, np.searchsorted(videos[order], np.arange(1, count)))


def _what_is_inside(player: dict, count: int) -> str:
    left_out = sum(video['left_out'] for video in player['videos'])
    if not left_out:
        return 'All predictions are in this page.'
    most = max(len(video['det']['s']) for video in player['videos'])
    return (
        f'The best {most} predictions of each video are in this page, {count - left_out} of '
        f'{count}: it holds {MAX_PREDICTIONS} at most unless --top-k says otherwise. All '
        'numbers above are of all predictions.'
    )


def _plotly() -> Markup:
    from plotly.offline import get_plotlyjs  # 0.5 s to import

    return Markup(get_plotlyjs())
