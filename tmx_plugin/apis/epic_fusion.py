# SPDX-License-Identifier: Apache-2.0
"""Actions of EPIC-Kitchens-100 from a verb model and a noun model run together.

Naming convention: N points over all levels, V verbs, U nouns, n candidates, M detections.
"""

from collections.abc import Sequence
from typing import Optional

import torch
from torch import Tensor

from ..datasets.formats.epic import read_class_csv
from ..errors import ConfigError
from ..evaluation.functional import round_decimals
from ..exporters import to_detections
from ..models.heads.temporal_maxer_head import flatten_levels
from ..models.task_modules.points import decode_segments
from ..models.task_modules.postprocess import (
    PostProcessCfg,
    select_candidates,
    suppress_candidates,
)
from ..structures.epic_constants import NOUNS_WITHOUT_INSTANCE, NUM_NOUNS, NUM_VERBS
from ..structures.video_time import VideoTime

# Points whose products with all pairs of classes are held at a time: 128 * 97 * 300 * 4 bytes.
CHUNK = 128


def fuse_points(
    verb_scores: Tensor, noun_scores: Tensor, segments: Tensor, *, threshold: float, topk: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The best pairs of a verb and a noun over all points, by the product of their scores.

    Exact, without the N * V * U products: points come by the best product that they can have, and
    the search ends where that is no better than ``topk`` products already found.

    Args:
        verb_scores (Tensor): (N, V) in [0, 1].
        noun_scores (Tensor): (N, U) in [0, 1].
        segments (Tensor): (N, 2) start and end.
        threshold (float): Products must exceed this.
        topk (int): Largest number of candidates.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Segments (n, 2), scores (n,) and labels (n,), verb * U +
        noun, by descending score.
    """
    num_pairs = verb_scores.shape[1] * noun_scores.shape[1]
    bound, order = (verb_scores.amax(1) * noun_scores.amax(1)).sort(descending=True, stable=True)
    best = [segments.new_empty(0, 2), segments.new_empty(0), order.new_empty(0)]
    for rows, limit in zip(order.split(CHUNK), bound[::CHUNK].tolist()):
        if len(best[1]) == topk:
            threshold = max(threshold, float(best[1][-1]))
        if limit <= threshold:
            break
        products = verb_scores[rows, :, None] * noun_scores[rows, None]  # (chunk, V, U)
        found = select_candidates(
            products.view(-1, num_pairs),
            segments[rows],
            pre_nms_thresh=threshold,
            pre_nms_topk=topk,
        )
        merged = [torch.cat(pair) for pair in zip(best, found)]
        keep = merged[1].argsort(descending=True, stable=True)[:topk]
        best = [x[keep] for x in merged]
    return best[0], best[1], best[2]


@torch.no_grad()
def fuse_video(
    verb_model,
    noun_model,
    inputs: Tensor,
    meta: dict,
    *,
    verb_weight: float = 1.0,
    noun_weight: float = 1.0,
    cfg: Optional[PostProcessCfg] = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Action detections of one video.

    At each point of the pyramid a pair scores ``verb ** verb_weight * noun ** noun_weight``, and
    its segment is the mean of the two models' segments by the same weights. Class priors of the two
    are not used: they are of verbs and nouns, and not of actions.

    Args:
        verb_model, noun_model (TemporalMaxer): In evaluation mode, of the same pyramid.
        inputs (Tensor): Features (1, C, T) that both models take, without padding.
        meta (dict): ``feature_stride``, ``offset_frames``, ``fps`` and ``duration`` of the video.
        verb_weight (float): Exponent of the verb's score. Defaults to 1.
        noun_weight (float): Exponent of the noun's score. Defaults to 1.
        cfg (PostProcessCfg, optional): By default the noun model's.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Segments in seconds (M, 2), scores (M,) and labels (M,) int64
        verb * U + noun, by descending score.

    Raises:
        ConfigError: If a weight is not positive, or the models' points do not coincide.
    """
    if not (verb_weight > 0 and noun_weight > 0):
        raise ConfigError(f'weights must be positive, got {verb_weight} and {noun_weight}')
    if verb_model.head.strides != noun_model.head.strides:
        raise ConfigError(
            'the points of the two models do not coincide: levels of strides '
            f'{verb_model.head.strides} and {noun_model.head.strides}'
        )
    cfg = cfg or noun_model.postprocess_cfg
    verbs, verb_segments, lengths = _points(verb_model, inputs)
    nouns, noun_segments, _ = _points(noun_model, inputs)
    share = verb_weight / (verb_weight + noun_weight)
    segments = torch.lerp(noun_segments, verb_segments, share)
    points = (verbs.pow(verb_weight), nouns.pow(noun_weight), segments)
    levels = zip(*(x.split(lengths) for x in points)) if cfg.per_level else [points]
    candidates = [
        fuse_points(*level, threshold=cfg.pre_nms_thresh, topk=cfg.pre_nms_topk) for level in levels
    ]
    segments, scores, labels = (torch.cat(column) for column in zip(*candidates))
    # Of the thousands of pairs few occur in a video.
    present, classes = labels.unique(return_inverse=True)
    segments, scores, classes = suppress_candidates(
        segments, scores, classes, num_classes=len(present), cfg=cfg, time=VideoTime.of(meta)
    )
    return segments, scores, present[classes]


def official_ids(
    num_classes: int, target: str, names: Optional[Sequence[str]] = None, class_csv=None
) -> list:
    """Ids in the challenge of a model's classes.

    Args:
        num_classes (int): Number of the model's classes.
        target (str): 'verb' or 'noun'.
        names (Sequence[str], optional): The model's classes in order; needed with ``class_csv``.
        class_csv (str | Path, optional): ``EPIC_100_<target>_classes.csv``. Without it the classes
            must be in the order of their ids: all 97 verbs, all 300 nouns, or the 293 nouns that
            have instances.

    Returns:
        list[int]: An id a class.

    Raises:
        ConfigError: If the ids cannot be inferred.
    """
    if class_csv is not None:
        numbers = {key: number for number, key in read_class_csv(class_csv).items()}
        names = list(names or ())
        unknown = [name for name in names if name not in numbers]
        if len(names) != num_classes or unknown:
            raise ConfigError(
                f'{class_csv}: expected the {num_classes} {target}s of the model in it, the config '
                f'names {len(names)} and of these it lacks {len(unknown)}: {unknown[:5]}'
            )
        return [numbers[name] for name in names]
    every = list(range(NUM_VERBS if target == 'verb' else NUM_NOUNS))
    if num_classes == len(every):
        return every
    present = [number for number in every if number not in NOUNS_WITHOUT_INSTANCE]
    if target == 'noun' and num_classes == len(present):
        return present
    raise ConfigError(
        f'the ids of a {target} model with {num_classes} classes (expected '
        f'{len(every)}{" or 293" if target == "noun" else ""}) cannot be '
        f'inferred; pass EPIC_100_{target}_classes.csv'
    )


def action_detections(
    segments: Tensor,
    scores: Tensor,
    labels: Tensor,
    verb_ids: Sequence[int],
    noun_ids: Sequence[int],
) -> list:
    """What :func:`fuse_video` found, as the list that exporters take.

    Args:
        segments, scores, labels: See :func:`fuse_video`.
        verb_ids, noun_ids (Sequence[int]): Ids in the challenge of the models' classes.

    Returns:
        list[dict]: ``{'label': 'V,N', 'score', 'segment'}`` with ids as label and seconds of 2
        decimals. Segments that are empty then are left out: the challenge has no such.
    """
    seconds = round_decimals(segments.cpu().numpy(), 2)
    keep = seconds[:, 1] > seconds[:, 0]
    pairs = [(label // len(noun_ids), label % len(noun_ids)) for label in labels.tolist()]
    names = [f'{verb_ids[verb]},{noun_ids[noun]}' for verb, noun in pairs]
    items = to_detections(seconds, scores.cpu().numpy(), range(len(names)), names)
    return [item for item, kept in zip(items, keep) if kept]


def _points(model, inputs: Tensor) -> tuple[Tensor, Tensor, list]:
    """Scores (N, K), segments (N, 2) on the grid, and the points of each level."""
    logits, offsets, masks = model(inputs)
    lengths = [mask.shape[-1] for mask in masks]
    logits, offsets, _ = flatten_levels(logits, offsets, masks)
    points = model.head.points(lengths, inputs.device)
    return logits[0].float().sigmoid(), decode_segments(offsets[0].float(), points), lengths
