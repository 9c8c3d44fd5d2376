# SPDX-License-Identifier: Apache-2.0
"""A self-contained HTML page on a set of predictions: where they are good, and what goes wrong."""
import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..evaluation.functional import average_precision
from ..utils.files import atomic_write
from . import error_analysis as errors
from .charts import draw_profile, draw_recall, length_names
from .results import Results


def write_report(results: Results, path, tious: Sequence[float], *, title: str = 'Report',
                 main_tiou: float = 0.5, score_thr: float = 0.3, top_k: Optional[int] = None,
                 num_videos: int = 3) -> dict:
    """Analyse predictions and write the report.

    Args:
        results (Results): Ground truth and predictions.
        path (str | Path): The HTML file to write; all pictures are inside.
        tious (Sequence[float]): tIoU thresholds of the mAP.
        title (str): Heading.
        main_tiou (float): Threshold at which single detections are called right or wrong.
        score_thr (float): Least score of a prediction in the timelines.
        top_k (int | None): How many predictions to draw in a timeline at most; None for all.
        num_videos (int): How many of the worst and of the best videos to draw.

    Returns:
        dict: ``average_mAP`` and ``mAP@...`` in percent, as in the report.
    """
    tious = [float(tiou) for tiou in tious]
    labels, ap = average_precision(results.gt, results.det, tious)
    # The main threshold goes last, so that one matching serves everything.
    matches = errors.match_detections(results.gt, results.det, [*tious, main_tiou])
    overlaps = errors.best_overlaps(results.gt, results.det)
    kinds = np.stack([errors.classify(row, *overlaps, tiou) for row, tiou in
                      zip(matches.true_positive, [*tious, main_tiou])])
    scores = results.video_scores(tious)
    best, worst = _extremes(scores, num_videos)

    def timelines(videos):
        return [dict(name=video, score=100 * scores[video], image=_embed(results.timeline(
            video, correct=matches.true_positive[-1], score_thr=score_thr, top_k=top_k)))
            for video in videos]

    page = dict(
        title=title, results=results, tious=tious, main_tiou=main_tiou, score_thr=score_thr,
        mean_ap=100 * ap.mean(axis=0), average=100 * ap.mean(),
        classes=_class_rows(results, labels, 100 * ap), min_tiou=errors.MIN_TIOU,
        errors=_error_section(results, matches, kinds, tious, float(ap.mean())),
        lengths=_length_section(results, matches, tious),
        worst=timelines(worst), best=timelines(best))
    template = Environment(
        loader=PackageLoader(__package__, 'templates'), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True).get_template('report.html')
    with atomic_write(Path(path)) as file:
        file.write(template.render(page))
    return {'average_mAP': page['average'],
            **{f'mAP@{tiou:g}': value for tiou, value in zip(tious, page['mean_ap'])}}


def _class_rows(results, labels, ap):
    """Name, ground truth, detections, AP per threshold and their mean; best class first."""
    rows = [dict(name=results.classes[label], num_gt=int((results.gt.labels == label).sum()),
                 num_det=int((results.det.labels == label).sum()), ap=row, mean=row.mean())
            for label, row in zip(labels, ap)]
    return sorted(rows, key=lambda row: -row['mean'])


def _error_section(results, matches, kinds, tious, average_map):
    """Shares of the kinds among the best detections, and what each kind of error costs."""
    num_gt = np.bincount(results.gt.labels)[results.det.labels]
    profile = errors.false_positive_profile(kinds[-1], matches.rank, num_gt)
    gains = errors.removal_gain(results.gt, results.det, kinds[:-1], tious, average_map)
    return dict(
        image=_embed(draw_profile(profile)),
        rows=[dict(kind=kind, best=int(profile[0, i]), all=int((kinds[-1] == i).sum()),
                   gain=100 * gains[kind] if i else None) for i, kind in enumerate(errors.KINDS)])


def _length_section(results, matches, tious):
    """Recall by length, by all detections and by the best G of each class."""
    lengths = results.gt.segments[:, 1] - results.gt.segments[:, 0]
    edges = errors.length_edges(lengths)
    found_by = matches.found_by[:-1]
    found = found_by >= 0
    level, row = np.nonzero(found)
    num_gt = np.bincount(results.gt.labels)[results.gt.labels]
    in_best = np.zeros_like(found)
    in_best[level, row] = matches.rank[found_by[level, row]] < num_gt[row]
    recall, count = errors.recall_by_length(lengths, found, edges)
    best_recall, _ = errors.recall_by_length(lengths, in_best, edges)
    return dict(
        image=_embed(draw_recall(recall, best_recall, count, edges, tious)),
        rows=[dict(name=name, count=int(n), recall=100 * recall[:, i], best=100 * best_recall[:, i])
              for i, (name, n) in enumerate(zip(length_names(edges), count)) if n])


def _extremes(scores, count):
    """The best and the worst videos, none in both; ``scores`` come best first."""
    videos = list(scores)
    worst = videos[::-1][:min(count, (len(videos) + 1) // 2)]
    return videos[:min(count, len(videos) - len(worst))], worst


def _embed(fig) -> str:
    """A figure as the address of an inline PNG image."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format='png')
    return 'data:image/png;base64,' + base64.b64encode(buffer.getvalue()).decode('ascii')
