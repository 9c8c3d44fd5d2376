# SPDX-License-Identifier: Apache-2.0
import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from tmx_plugin.models.common.segment_iou import aligned_segment_diou, offset_diou_cost
from tmx_plugin.models.losses import (
    SegmentDIoULoss,
    SnippetFocalLoss,
    focal,
    focal_loss_sum,
    negative_focal_loss,
    sigmoid_focal_loss,
)


def test_focal_loss_by_hand():
    # p = 0.5: positive .25 * .25 * ln 2, negative .75 * .25 * ln 2.
    found = sigmoid_focal_loss(torch.zeros(2), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(found, torch.tensor([0.0625, 0.1875]) * math.log(2))


def test_focal_loss_of_extreme_logits_is_finite():
    logits = torch.tensor([-200.0, 200.0, -200.0, 200.0], requires_grad=True)
    loss = sigmoid_focal_loss(logits, torch.tensor([1.0, 1.0, 0.0, 0.0]))
    loss.sum().backward()
    assert torch.isfinite(loss).all() and torch.isfinite(logits.grad).all()
    torch.testing.assert_close(loss.detach(), torch.tensor([50.0, 0.0, 0.0, 150.0]))


def test_negative_focal_loss_is_that_of_zero_targets():
    logits = torch.linspace(-60, 60, 500)
    torch.testing.assert_close(
        negative_focal_loss(logits), sigmoid_focal_loss(logits, torch.zeros_like(logits))
    )


def test_label_smoothing():
    logits, targets = torch.randn(4, 3), torch.eye(4, 3)
    found = SnippetFocalLoss(label_smoothing=0.2)(logits, targets)
    expected = sigmoid_focal_loss(logits, targets * 0.8 + 0.2 / 4).sum()
    torch.testing.assert_close(found, expected)


def test_point_weights():
    logits, targets, weight = torch.randn(4, 3), torch.eye(4, 3), torch.tensor([1.0, 0, 0.5, 2])
    expected = (sigmoid_focal_loss(logits, targets).sum(1) * weight).sum()
    torch.testing.assert_close(SnippetFocalLoss()(logits, targets, weight), expected)


@pytest.mark.parametrize('smooth', [0.0, 0.1])
def test_sum_in_chunks_and_its_gradient_equal_those_over_dense_targets(monkeypatch, smooth):
    monkeypatch.setitem(focal.CHUNKS, 'cpu', 7 * 5)  # 7 rows at once
    torch.manual_seed(0)
    logits = (4 * torch.randn(60, 5, dtype=torch.float64)).requires_grad_()
    targets, weight = (torch.rand(60, 5) < 0.2).double(), torch.rand(60).double()
    soft = targets * (1 - smooth) + smooth / 6
    expected = (sigmoid_focal_loss(logits, soft) * weight[:, None]).sum()
    (expected_grad,) = torch.autograd.grad(expected, logits)
    found = focal_loss_sum(logits, targets.nonzero(), weight, label_smoothing=smooth)
    (grad,) = torch.autograd.grad(3 * found, logits)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(grad, 3 * expected_grad)


def test_half_precision_is_summed_in_single_precision():
    logits = torch.full((5000, 1), -2.0, dtype=torch.bfloat16, requires_grad=True)
    loss = focal_loss_sum(logits, torch.zeros(0, 2, dtype=torch.int64), torch.ones(5000))
    loss.backward()
    assert loss.dtype == torch.float32 and logits.grad.dtype == torch.bfloat16
    assert loss.item() == pytest.approx(5000 * negative_focal_loss(torch.tensor(-2.0)).item())


@pytest.mark.parametrize(
    'pred, target, expected',
    [
        ((0, 10), (0, 10), 1.0),
        ((0, 10), (5, 15), 5 / 15 - (5 / 15) ** 2),  # inter 5, union 15, hull 15, centres 5 apart
        ((0, 2), (8, 10), 0 - (8 / 10) ** 2),  # apart
        ((3, 3), (3, 3), 0.0),  # no length
    ],
)
def test_diou_by_hand(pred, target, expected):
    found = aligned_segment_diou(torch.tensor([pred]).float(), torch.tensor([target]).float())
    assert found.item() == pytest.approx(expected, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 50, width=32)] * 4), min_size=1, max_size=5))
def test_offset_cost_is_one_less_diou_with_squared_distance(rows):
    offsets = torch.tensor(rows, dtype=torch.float64)
    pred, target = offsets[:, :2], offsets[:, 2:]
    cost = offset_diou_cost(pred, target)

    # The same segments around the point 0, by the other function.
    def around_zero(x):
        return torch.stack((-x[:, 0], x[:, 1]), 1)

    diou = aligned_segment_diou(around_zero(pred), around_zero(target))
    some = (pred.sum(1) + target.sum(1)) > 1e-3  # the two divide by different least values
    torch.testing.assert_close(cost[some], 1 - diou[some], atol=1e-5, rtol=1e-5)


def test_regression_loss_without_positives_keeps_the_graph():
    pred = torch.zeros(3, 2, requires_grad=True)
    none = torch.zeros(3, dtype=torch.bool)
    loss = SegmentDIoULoss()(pred[none], torch.zeros(0, 2), torch.zeros(0))
    loss.backward()
    assert loss == 0 and pred.grad.abs().sum() == 0
