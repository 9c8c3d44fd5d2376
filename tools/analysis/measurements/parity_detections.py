# SPDX-License-Identifier: Apache-2.0
"""Differences between our detections and the reference's: decoding, NMS, seconds, mAP."""

import gzip
import json

import numpy as np
import torch
from torch import Tensor, nn

from measurements.golden import GoldenModel
from measurements.parity_model import Difference
from tmx_plugin.evaluation.functional.average_precision import average_precision, topk_recall
from tmx_plugin.evaluation.functional.rounding import round_decimals
from tmx_plugin.evaluation.functional.segment_table import tables_from_activitynet
from tmx_plugin.models.heads.temporal_maxer_head import flatten_levels
from tmx_plugin.models.task_modules.points import decode_segments
from tmx_plugin.models.task_modules.postprocess import PostProcessCfg, select_candidates
from tmx_plugin.models.task_modules.soft_nms import segment_nms
from tmx_plugin.structures.video_time import VideoTime

#: The reference numbers the variants of soft-NMS.
_METHODS = ('soft_hard', 'linear', 'gaussian', 'improved_gaussian')
#: What the reference's function uses where a case does not say otherwise.
_NMS_DEFAULTS = dict(
    use_soft_nms=True,
    iou_threshold=0.1,
    sigma=0.5,
    min_score=0.001,
    max_seg_num=100,
    multiclass=True,
    method=2,
    voting_thresh=0.0,
)


def detection_differences(golden: GoldenModel, model: nn.Module) -> list:
    """From features to the written results, each stage on the reference's input to it."""
    model = model.eval()
    errors: dict = {}

    def note(quantity: str, value: float, limit: float) -> None:
        old = errors.get(quantity, (0.0, limit))[0]
        errors[quantity] = (max(old, value), limit)

    feats, masks = golden.batch()
    _compare_points(golden, 'test_ragged', model, feats, masks, note)
    for case in ('test_odd', 'test_long'):
        feats = golden.tensor(f'{case}/feats')
        _compare_points(golden, case, model, feats, None, note)
        _compare_stages(golden, case, model.postprocess_cfg, note)
    return [Difference(f'detections: {name}', *row) for name, row in errors.items()]


def _compare_points(golden, case, model, feats, masks, note) -> None:
    with torch.no_grad():
        logits, offsets, valid = flatten_levels(*(levels := model(feats, masks=masks)))
    points = model.head.points([level.shape[1] for level in levels[2]])
    segments = decode_segments(offsets, points)
    for i, mask in enumerate(valid):
        note(
            'decoded segments (grid)',
            _max_abs(segments[i, mask], golden.tensor(f'{case}/proposals_{i}')),
            1e-4,
        )
        note(
            'scores of all points',
            _max_abs(logits[i, mask].sigmoid(), golden.tensor(f'{case}/scores_{i}')),
            2e-5,
        )


def _compare_stages(golden, case, cfg: PostProcessCfg, note) -> None:
    """Selection, suppression, seconds and rounding, each on the stored input."""

    def stored(stage: str, kind: str) -> Tensor:
        return golden.tensor(f'{case}/{stage}_{kind}')

    chosen = select_candidates(
        golden.tensor(f'{case}/scores_0'),
        golden.tensor(f'{case}/proposals_0'),
        pre_nms_thresh=cfg.pre_nms_thresh,
        pre_nms_topk=cfg.pre_nms_topk,
    )
    before = [stored('prenms', kind) for kind in ('segments', 'scores', 'labels')]
    note('candidates before NMS', _detections_error(chosen, before), 0)
    kept = segment_nms(*before, num_classes=golden.info['num_classes'], **cfg.nms_kwargs())
    after = [stored('nms', kind) for kind in ('segments', 'scores', 'labels')]
    note('after NMS', _detections_error(kept, after), 1e-6)
    meta = golden.info[f'{case}_meta']
    time = VideoTime(meta['snippet_stride'], meta['offset_frames'], meta['fps'], meta['duration'])
    seconds = time.to_seconds(after[0])
    note('seconds', _max_abs(seconds, stored('det', 'segments_seconds')), 0)
    rounded = torch.from_numpy(round_decimals(seconds.double().numpy(), 2))
    note('rounded seconds', _max_abs(rounded, stored('result', 'segments_rounded')), 0)
    scores = torch.from_numpy(round_decimals(after[1].double().numpy(), 4))
    note('rounded scores', _max_abs(scores, stored('result', 'scores_rounded')), 0)


def nms_differences(path) -> list:
    """All variants of NMS on the cases of ``nms_*.npz``."""
    errors: dict = {}
    with np.load(path, allow_pickle=False) as file:
        for case in json.loads(file['cases_json'].tobytes().decode()):
            arrays = {
                name: torch.from_numpy(file[f'{case["i"]}/{name}'])
                for name in ('segs', 'scores', 'labels', 'out_segs', 'out_scores', 'out_labels')
            }
            method, kwargs = _nms_arguments(case['kwargs'])
            found = segment_nms(
                arrays['segs'].float(),
                arrays['scores'].float(),
                arrays['labels'].long(),
                num_classes=case['C'],
                **kwargs,
            )
            expected = [arrays['out_segs'], arrays['out_scores'], arrays['out_labels']]
            error = _detections_error(found, expected, voted=kwargs['voting_thresh'] > 0)
            errors[method] = max(errors.get(method, 0.0), error)
    return [Difference(f'NMS: {method}', error, 1e-5) for method, error in errors.items()]


def _nms_arguments(kwargs: dict) -> tuple:
    """Name of the variant and our arguments for the reference's."""
    kwargs = {**_NMS_DEFAULTS, **kwargs}
    method = _METHODS[kwargs.pop('method')]
    if not kwargs.pop('use_soft_nms'):
        method = 'hard'
    if kwargs['multiclass']:
        name = method
        kwargs['voting_thresh'] = 0.0  # it has no effect there
    else:
        name = f'{method}, class-agnostic' + (' with voting' if kwargs['voting_thresh'] else '')
    return name, dict(kwargs, method=method)


def map_differences(path) -> list:
    """AP per class, mAP and recall on the cases of ``map_*.json.gz``."""
    ap_error = mean_error = recall_error = 0.0
    with gzip.open(path, 'rt', encoding='utf-8') as file:
        cases = json.load(file)['cases']
    for case in cases:
        gt, det, classes = tables_from_activitynet(
            case['ground_truth'], case['predictions'], case['subset']
        )
        tious, expected = case['tious'], case['metric_dict']
        _, ap = average_precision(gt, det, tious)
        for name, values in case.get('ap', {}).items():
            ap_error = max(ap_error, np.abs(ap[classes.index(name)] - values).max())
        found = {f'mAP@{tiou}': value for tiou, value in zip(tious, ap.mean(0))}
        found['average_mAP'] = ap.mean()
        if 'top_k' in case:
            recall = topk_recall(gt, det, tious, case['top_k'])[1].mean(0)  # (tIoU, k)
            for i, tiou in enumerate(tious):
                for j, k in enumerate(case['top_k']):
                    recall_error = max(
                        recall_error, abs(recall[i, j] - expected[f'recall@{tiou}@{k}'])
                    )
        mean_error = max(mean_error, *(abs(found[name] - expected[name]) for name in found))
    return [
        Difference('mAP: average precision of each class', float(ap_error), 1e-9),
        Difference('mAP: mean at each tIoU, and average', float(mean_error), 1e-9),
        Difference('mAP: recall at top-kx', float(recall_error), 1e-9),
    ]


def _detections_error(found, expected, voted: bool = False) -> float:
    """Largest difference of two sets of detections; infinite where they are not the same set.

    Segments are copies of the candidates', so they pair the rows, whatever the order of equal
    scores. Voted segments are sums: their rows are paired by score, and compared relative to
    their size.
    """
    if len(found[1]) != len(expected[1]):
        return float('inf')
    rows = []
    for segments, scores, labels in (found, expected):
        keys = [scores, labels] if voted else [scores, segments[:, 1], segments[:, 0], labels]
        order = np.lexsort([key.double().numpy() for key in keys])
        columns = torch.column_stack((segments.double(), scores.double(), labels.double()))
        rows.append(columns[torch.from_numpy(order)])
    if voted:
        size = rows[1].abs().clamp(min=1)
        rows = [row / size for row in rows]
    return _max_abs(*rows)


def _max_abs(value: Tensor, expected: Tensor) -> float:
    if value.shape != expected.shape:
        return float('inf')
    return (value - expected).abs().max().item() if value.numel() else 0.0
