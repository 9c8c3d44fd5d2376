# SPDX-License-Identifier: Apache-2.0
"""The convolution block: both layouts, its own backward pass, precision, compilation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tmx_plugin.models.common import TemporalConvBlock, conv_layout, fixed_layout, time_major_conv

LAYOUTS = ['first', 'last']
PRECISIONS = [torch.float32, torch.bfloat16]


def block_and_inputs(dtype=torch.float32):
    """A block away from its start values, features (B, T, C) and a mask with a padded end."""
    torch.manual_seed(0)
    block = TemporalConvBlock(5, 7).to(dtype)
    for p in block.norm.parameters():
        p.data.add_(torch.randn_like(p) * 0.3)
    mask = torch.ones(2, 9, 1, dtype=dtype)
    mask[1, 6:] = 0
    return block, torch.randn(2, 9, 5, dtype=dtype) * mask, mask


def by_torch(block, x, mask):
    """The block as torch's own modules compute it."""
    return F.relu(block.norm(block.conv(x.transpose(1, 2)).transpose(1, 2))) * mask


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('grad', [True, False])
def test_time_major_conv_is_conv1d(layout, grad):
    x, weight, bias = torch.randn(2, 5, 9), torch.randn(7, 5, 3), torch.randn(7)
    expected = F.conv1d(x, weight, bias, padding=1)
    with torch.set_grad_enabled(grad), fixed_layout(layout):
        found = time_major_conv(x.transpose(1, 2).contiguous(), weight, bias)
    assert found.is_contiguous()
    torch.testing.assert_close(found.transpose(1, 2), expected)


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('dtype', PRECISIONS)
def test_gradients_of_the_time_major_conv(dtype, layout):
    torch.manual_seed(0)
    x = torch.randn(2, 9, 5, requires_grad=True)
    conv = nn.Conv1d(5, 7, 3, padding=1)
    leaves = (x, conv.weight, conv.bias)
    with torch.autocast('cpu', dtype=dtype, enabled=dtype != torch.float32), fixed_layout(layout):
        expected = conv(x.transpose(1, 2)).transpose(1, 2)
        found = time_major_conv(x, conv.weight, conv.bias)
        torch.testing.assert_close(found, expected)
        found = torch.autograd.grad(found.float().square().sum(), leaves)
    for a, b in zip(found, torch.autograd.grad(expected.float().square().sum(), leaves)):
        assert a.dtype == b.dtype
        torch.testing.assert_close(
            a, b, **(dict(rtol=0.02, atol=0.1) if dtype != torch.float32 else {})
        )


@pytest.mark.parametrize('layout', LAYOUTS)
def test_gradients_of_the_block_against_differences(layout):
    block, x, mask = block_and_inputs(torch.float64)
    names = [name for name, _ in block.named_parameters()]

    def run(x, *values):
        return torch.func.functional_call(block, dict(zip(names, values)), (x, mask))

    with fixed_layout(layout):
        assert torch.autograd.gradcheck(run, (x.requires_grad_(), *block.parameters()))


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('first_block', [True, False])
def test_block_is_its_parts(layout, first_block):
    block, x, mask = block_and_inputs()
    x.requires_grad_(not first_block)
    leaves = [*block.parameters(), *([] if first_block else [x])]
    expected = by_torch(block, x, mask)
    with fixed_layout(layout):
        found = block(x, mask)
        torch.testing.assert_close(found, expected)
        weights = torch.randn_like(found)
        gradients = torch.autograd.grad(found, leaves, weights)
        with torch.no_grad():
            torch.testing.assert_close(block(x, mask), expected)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, leaves, weights))
    assert (found[1, 6:] == 0).all()


def test_frozen_norm_gets_no_gradient():
    block, x, mask = block_and_inputs()
    block.norm.requires_grad_(False)
    block(x, mask).sum().backward()
    assert block.norm.weight.grad is None and block.conv.weight.grad is not None


def test_block_in_bfloat16():
    block, x, mask = block_and_inputs()
    expected = torch.autograd.grad(by_torch(block, x, mask).square().sum(), block.conv.weight)[0]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = block(x, mask)
    found = torch.autograd.grad(out.float().square().sum(), block.conv.weight)[0]
    assert out.dtype == torch.bfloat16 and found.dtype == torch.float32
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()


def test_compiled_block_is_the_same():
    block, x, mask = block_and_inputs()
    compiled = torch.compile(block, backend='aot_eager', fullgraph=True)
    for run in (block, compiled):
        block.zero_grad()
        out = run(x, mask)
        out.square().sum().backward()
        if run is block:
            expected, gradient = out, block.conv.weight.grad.clone()
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(block.conv.weight.grad, gradient)


def test_gradient_of_a_large_weight_is_that_of_a_small_one(monkeypatch):
    grad, x, weight = torch.randn(2, 9, 7), torch.randn(2, 9, 5), torch.randn(7, 5, 3)
    small = conv_layout.conv_grad_weight(grad, x, weight)
    monkeypatch.setattr(conv_layout, 'LARGE_WEIGHT', 0)
    copies = []
    monkeypatch.setattr(conv_layout, 'swap_copy', lambda x: copies.append(x) or x.transpose(1, 2))
    torch.testing.assert_close(conv_layout.conv_grad_weight(grad, x, weight), small)
    assert [len(copy) for copy in copies] == [1] * 4  # grad and x, video by video


@pytest.mark.parametrize('first, expected', [(0.5, 'first'), (0.9, 'last'), (2.0, 'last')])
def test_layout_is_measured_once_and_only_without_gradients(monkeypatch, first, expected):
    measured = []

    def seconds(x, weight):
        measured.append(conv_layout._fixed[-1])
        return dict(first=first, last=1.0)[measured[-1]]

    monkeypatch.setattr(conv_layout, '_seconds', seconds)
    conv_layout.fastest_layout.cache_clear()
    try:
        x = torch.zeros(1, 4, 3)
        assert conv_layout._forward_layout(x) == 'last' and not measured
        with torch.no_grad():
            assert [conv_layout._forward_layout(x) for _ in range(3)] == [expected] * 3
        assert sorted(measured) == sorted(LAYOUTS * conv_layout.PROBE_RUNS)
    finally:
        conv_layout.fastest_layout.cache_clear()
