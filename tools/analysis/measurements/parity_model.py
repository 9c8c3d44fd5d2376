# SPDX-License-Identifier: Apache-2.0
"""Differences between the model and the reference: network, assignment, losses, training steps."""

import tempfile
from typing import NamedTuple

import torch
from mmaction.structures import ActionDataSample
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

from measurements.golden import GoldenModel, instances
from tmx_plugin.models.common import fixed_layout
from tmx_plugin.models.heads.temporal_maxer_head import flatten_levels


class Difference(NamedTuple):
    """The largest difference of one quantity, and what is allowed."""

    quantity: str
    value: float
    limit: float


def network_differences(golden: GoldenModel, model: nn.Module) -> list:
    """Every stage of the network on a padded batch; limits are absolute."""
    feats, masks = golden.batch()
    with torch.no_grad():
        pyramid, _, _ = model.neck.pyramid(feats, masks)
        neck, level_masks = model.neck(feats, masks)
        logits, offsets, _ = model(feats, masks=masks)
    points = model.head.points([level.shape[1] for level in level_masks])
    stages = dict(
        pyramid=[level.transpose(1, 2) for level in pyramid],
        neck=neck,
        cls_logits=logits,
        reg=offsets,
    )
    rows = [
        Difference(
            f'network: {name}',
            max(
                _max_abs(level, golden.tensor(f'train/{name}_{i}'))
                for i, level in enumerate(levels)
            ),
            2e-5,
        )
        for name, levels in stages.items()
    ]
    wrong_masks = sum(
        _unequal(level, golden.tensor(f'train/mask_{i}')) for i, level in enumerate(level_masks)
    )
    columns = torch.stack((points.time, points.range_low, points.range_high, points.stride), 1)
    return rows + [
        Difference('network: masks (number of differences)', wrong_masks, 0),
        Difference('network: points', _max_abs(columns, golden.tensor('points')), 0),
    ]


def assignment_differences(golden: GoldenModel, model: nn.Module) -> list:
    """Assignment of the batch; all but the offsets must be equal."""
    feats, masks = golden.batch()
    with torch.no_grad():
        outputs = model(feats, masks=masks)
    points = model.head.points([level.shape[1] for level in outputs[2]])
    logits, offsets, flat_masks = flatten_levels(*outputs)
    matched = nearest = weight = classes = 0
    offset_error = 0.0
    for i, gt in enumerate(golden.gt_instances()):
        found = model.head.assigner.assign(
            points, flat_masks[i], logits[i], offsets[i], gt.segments, gt.labels
        )
        matrix = torch.zeros(len(points.time), len(gt), dtype=torch.uint8)
        matrix[found.matched_points, found.matched_gts] = 1
        inside = found.nearest_gt >= 0
        positive = found.class_targets.any(-1)
        matched += _unequal(matrix, golden.tensor(f'train/assign_matrix_{i}'))
        nearest += _unequal(
            found.nearest_gt[inside], golden.tensor(f'train/assign_min_inds_{i}')[inside]
        )
        weight += _unequal(found.weights, golden.tensor(f'train/assign_weight_{i}'))
        classes += _unequal(found.class_targets, golden.tensor(f'train/gt_cls_{i}'))
        offset_error = max(
            offset_error,
            _max_abs(found.offset_targets[positive], golden.tensor(f'train/gt_reg_{i}')[positive]),
        )
    return [
        Difference('assignment: matched pairs (number of differences)', matched, 0),
        Difference('assignment: least-cost index (number of differences)', nearest, 0),
        Difference('assignment: weights (number of differences)', weight, 0),
        Difference('assignment: class targets (number of differences)', classes, 0),
        Difference('assignment: offset targets', offset_error, 1e-5),
    ]


def loss_differences(golden: GoldenModel, config_dir) -> list:
    """Losses and gradients in training mode, in evaluation mode, with dropout, no positives."""
    feats, masks = golden.batch()
    model, gt = golden.build(config_dir), golden.gt_instances()
    losses = _losses(model, feats, masks, gt)
    (losses['loss_cls'] + losses['loss_reg']).backward()
    expected = golden.converted('train/grad/', model)
    gradient = max(
        _max_abs(p.grad, expected[name]) / expected[name].abs().max().item()
        for name, p in model.named_parameters()
    )
    rows = [
        *_loss_rows('training', golden, 'train', losses, model),
        Difference('gradients, relative to the largest element', gradient, 1e-4),
    ]

    model = golden.build(config_dir).eval()
    rows += _loss_rows(
        'evaluation mode', golden, 'evalmode', _losses(model, feats, masks, gt), model
    )

    keep = golden.arrays.get('train_dropout_seed1234/keep')
    if keep is not None:
        model = golden.build(config_dir)
        dropped = feats * torch.from_numpy(keep)[..., None] / 0.8
        rows += _loss_rows(
            'channel dropout',
            golden,
            'train_dropout_seed1234',
            _losses(model, dropped, masks, gt),
            model,
        )

    model = golden.build(config_dir)
    no_positive = [instances(golden.tensor('nopos/gt_segments'), golden.tensor('nopos/gt_labels'))]
    losses = _losses(model, feats[:1], masks[:1], no_positive)
    rows += _loss_rows('no positives', golden, 'nopos', losses, model)
    rows.append(
        Difference('losses (no positives): number of positives', losses['num_pos'].item(), 0)
    )
    return rows


def training_differences(golden: GoldenModel, config_dir) -> list:
    """14 steps with the config's own optimiser, schedule and EMA, run by the real runner.

    A difference in the last bit can turn a ReLU or a choice of the assignment and then grows from
    step to step; where a gradient is nothing but rounding, AdamW makes a full step of its sign. So
    convolutions run in the layout and AdamW in the order of operations that round as the reference.
    """
    config = golden.config(config_dir)
    config.optim_wrapper.optimizer.fused = False
    recorder = _Recorder()
    with tempfile.TemporaryDirectory() as work_dir:
        runner = Runner(
            model=config.model,
            work_dir=work_dir,
            train_dataloader=dict(
                dataset=_RepeatedBatch(golden),
                batch_size=len(golden.arrays['in/feats']),
                sampler=dict(type='DefaultSampler', shuffle=False),
                num_workers=0,
            ),
            train_cfg=dict(by_epoch=True, max_epochs=7),
            optim_wrapper=config.optim_wrapper,
            param_scheduler=config.param_scheduler,
            custom_hooks=[config.default_hooks.ema],
            default_hooks=dict(checkpoint=None, logger=None),
            default_scope='mmaction',
            log_level='ERROR',
            randomness=dict(seed=0),
            experiment_name='parity',
        )
        runner.model.load_state_dict(golden.converted('state/', runner.model))
        runner.register_hook(recorder, priority='LOWEST')
        with fixed_layout('first'):
            runner.train()
    ema = next(hook for hook in runner.hooks if hasattr(hook, 'ema_model')).ema_model.module
    final = golden.converted('steps14/final/', runner.model)
    expected_ema = golden.converted('steps14/ema/', runner.model)
    expected_ema.pop('head.loss_normalizer')  # an integer that truncates, in the reference
    lr_error = _max_abs(torch.tensor(recorder.rates).double(), golden.tensor('steps14/lr'))
    return [
        Difference('14 steps: learning rate', lr_error, 1e-9),
        Difference('14 steps: final weights', _state_error(runner.model, final), 1e-5),
        Difference('14 steps: EMA weights', _state_error(ema, expected_ema), 1e-5),
    ]


class _RepeatedBatch(Dataset):
    """The measured batch twice, for two iterations an epoch."""

    def __init__(self, golden: GoldenModel) -> None:
        feats, masks = golden.batch()
        self.samples = []
        for feat, mask, gt in zip(feats, masks, golden.gt_instances()):
            sample = ActionDataSample()
            sample.gt_instances = gt
            self.samples.append(dict(inputs=feat[:, mask].T, data_samples=sample))

    def __len__(self) -> int:
        return 2 * len(self.samples)

    def __getitem__(self, index: int) -> dict:
        return self.samples[index % len(self.samples)]


class _Recorder(Hook):
    """Notes the learning rate of each step."""

    def __init__(self) -> None:
        self.rates = []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        rates = {group['lr'] for group in runner.optim_wrapper.optimizer.param_groups}
        assert len(rates) == 1, f'all parameters share one learning rate, found {rates}'
        self.rates.append(rates.pop())


def _losses(model: nn.Module, feats: Tensor, masks: Tensor, gt: list) -> dict:
    return model.head.loss_by_feat(*model(feats, masks=masks), gt)


def _loss_rows(name: str, golden: GoldenModel, prefix: str, losses: dict, model) -> list:
    def relative(value: float, expected: float) -> float:
        return abs(value - expected) / max(abs(expected), 1e-12) if expected or value else 0.0

    errors = [
        relative(losses['loss_cls'].item(), golden.arrays[f'{prefix}/cls_loss'].item()),
        relative(losses['loss_reg'].item(), golden.arrays[f'{prefix}/reg_loss'].item()),
    ]
    normalizer = relative(
        model.head.loss_normalizer.item(), golden.arrays[f'{prefix}/loss_normalizer_after'].item()
    )
    return [
        Difference(f'losses ({name}), relative', max(errors), 1e-5),
        Difference(f'loss normaliser ({name}), relative', normalizer, 1e-6),
    ]


def _state_error(model: nn.Module, expected: dict) -> float:
    state = model.state_dict()
    # The normaliser is of the order of 100: it is compared relative to its size.
    return max(
        _max_abs(state[name], value) / max(1.0, value.abs().max().item())
        for name, value in expected.items()
    )


def _max_abs(value: Tensor, expected: Tensor) -> float:
    if value.shape != expected.shape:
        raise ValueError(f'shapes differ: {tuple(value.shape)} and {tuple(expected.shape)}')
    return (value - expected).abs().max().item() if value.numel() else 0.0


def _unequal(value: Tensor, expected: Tensor) -> int:
    return int((value != expected).sum())
