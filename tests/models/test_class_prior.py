# SPDX-License-Identifier: Apache-2.0
"""The prior of the classes: worked by hand, and against sums over all sets."""

import itertools
import math

import pytest
import torch

from tmx_plugin.errors import ConfigError
from tmx_plugin.models.task_modules.class_prior import (
    MAX_DETECTIONS,
    ClassPrior,
    count_weights,
    inclusion_probabilities,
    length_statistics,
    place_density,
)
from tmx_plugin.models.task_modules.postprocess import PostProcessCfg, postprocess_video

TIME = dict(feature_stride=1, offset_frames=0, fps=1.0, duration=100.0)
COUNT_ONLY = dict(place_weight=0.0, length_weight=0.0)


def test_inclusion_equals_the_sum_over_all_sets():
    generator = torch.Generator().manual_seed(0)
    odds = torch.rand(3, 6, generator=generator, dtype=torch.float64) * 4
    weights = torch.rand(3, 4, generator=generator, dtype=torch.float64)
    expected = torch.zeros_like(odds)
    for row in range(3):
        total = 0.0
        for chosen in itertools.product([False, True], repeat=6):
            mask = torch.tensor(chosen)
            mass = float(odds[row][mask].prod() * weights[row, min(sum(chosen), 3)])
            total += mass
            expected[row, mask] += mass
        expected[row] /= total
    torch.testing.assert_close(inclusion_probabilities(odds, weights), expected)


def test_counts_that_are_poisson_change_nothing():
    rate, videos = 1.5, 100000
    number = torch.arange(12, dtype=torch.float64)
    share = (number * math.log(rate) - rate - torch.lgamma(number + 1)).exp()
    counts = torch.repeat_interleave(number, (share * videos).round().long())[:, None]
    weights = count_weights(counts, 5)
    torch.testing.assert_close(weights, torch.ones_like(weights), atol=0.01, rtol=0)


def test_weights_of_counts_by_hand():
    # Mean (3 + 1.5) / 3 = 1.5 of the class: Poisson e^-1.5 (1, 1.5), 1 - 2.5 e^-1.5 from 2 on.
    weights = count_weights(torch.tensor([[1], [2]]), 2)[0].tolist()
    base = math.exp(-1.5)
    shares = (0 / base, 1 / (1.5 * base), 1 / (1 - 2.5 * base))
    assert weights == pytest.approx([(share + 1) / 3 for share in shares])
    with pytest.raises(ConfigError, match='needs videos'):
        count_weights(torch.zeros(0, 2), 2)


def test_one_instance_a_video_makes_detections_rivals():
    prior = ClassPrior(num_labels=2, **COUNT_ONLY)
    prior.fit(torch.ones(1000, 2), torch.tensor([[0.0, 0.5, 9.0], [1.0, 0.5, 9.0]]))
    scores, labels = torch.tensor([0.6, 0.5, 0.4]), torch.tensor([0, 1, 0])
    found = prior.recalibrate(scores, labels)
    # The odds of the two rivals are 1.5^2 and (2/3)^2, so that the better one has 0.835 of all;
    # the root of its odds gives 0.6923.
    share = 1.5**2 / (1.5**2 + 1.5**-2)
    root = math.sqrt(share / (1 - share))
    assert found[0].item() == pytest.approx(root / (1 + root), abs=2e-3)
    assert found[1] > 0.9  # alone, and there must be one
    assert found[0] > scores[0] > scores[2] > found[2]


def test_neutral_before_the_fit():
    prior = ClassPrior(num_labels=2)
    scores = torch.rand(200).sort(descending=True).values * 0.99
    labels = torch.randint(2, (200,))
    torch.testing.assert_close(prior.recalibrate(scores, labels), scores)
    assert not prior.logits(torch.rand(4), torch.rand(4)).any()
    assert prior.recalibrate(scores[:0], labels[:0]).shape == (0,)


def test_more_detections_than_are_considered_keep_their_order():
    prior = ClassPrior(num_labels=1, **COUNT_ONLY)
    prior.fit(torch.ones(20, 1), torch.tensor([[0.0, 0.5, 9.0]]))
    scores = torch.linspace(0.9, 0.1, 2 * MAX_DETECTIONS)
    found = prior.recalibrate(scores, torch.zeros(len(scores), dtype=torch.long))
    assert (found.diff() < 0).all()
    last = MAX_DETECTIONS - 1
    torch.testing.assert_close(found[-1] / found[last], scores[-1] / scores[last])


def test_place_and_length_by_hand():
    prior = ClassPrior(num_labels=2, place_weight=1.0, length_weight=1.0, bandwidth=0.1)
    instances = torch.tensor([[0.0, 0.2, 10.0]] * 200 + [[1.0, 0.8, 40.0]] * 200)
    prior.fit(torch.ones(200, 2), instances)
    centre, elsewhere = prior.logits(torch.tensor([0.2, 0.9]), torch.tensor([10.0, 10.0]))
    assert centre[0].exp().item() == pytest.approx(
        (200 / (0.1 * math.sqrt(2 * math.pi)) * (1 + math.exp(-8)) + 3) / 203, rel=0.02
    )
    assert elsewhere[0].item() == pytest.approx(math.log(3 / 203), abs=0.02)
    assert centre[1] < -10  # neither the place nor the length of the other class
    mean, std = length_statistics(torch.tensor([1.0, 4.0]).double(), torch.tensor([0, 0]), 1)
    assert mean.item() == pytest.approx(math.log(2))
    assert std.item() == pytest.approx(math.log(2))


def test_density_is_one_in_the_mean():
    for places in (torch.empty(0), torch.tensor([0.0]), torch.tensor([0.3, 0.99, 7.0])):
        density = place_density(places, 2001, 0.05)
        assert torch.trapezoid(density, dx=1 / 2000).item() == pytest.approx(1, abs=1e-3)


def test_whole_video_is_corrected_and_sorted():
    logits = torch.tensor([[1.0, -9.0], [0.9, -9.0]])
    segments = torch.tensor([[70.0, 80.0], [10.0, 20.0]])
    prior = ClassPrior(num_labels=2)
    cfg = PostProcessCfg()
    assert postprocess_video(logits, segments, cfg=cfg, prior=prior, **TIME)[0][0, 0] == 70
    instances = torch.tensor([[0.0, 0.15, 10.0], [1.0, 0.5, 10.0]]).repeat(50, 1)
    prior.fit(torch.ones(50, 2), instances)
    found = postprocess_video(logits, segments, cfg=cfg, prior=prior, **TIME)
    assert found[0][0].tolist() == [10, 20]
    assert (found[1].diff() <= 0).all()


@pytest.mark.parametrize(
    'setting', [dict(sharpness=0), dict(sharpness=6.1), dict(bandwidth=2), dict(max_count=0)]
)
def test_settings_out_of_range(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        ClassPrior(num_labels=2, **setting)


@pytest.mark.parametrize('sharpness', [0.01, 1, 6])
@pytest.mark.parametrize('max_count', [1, 100])
@pytest.mark.parametrize('count', [0, 1, 300])
def test_scores_are_finite_at_the_limits_of_the_settings(sharpness, max_count, count):
    prior = ClassPrior(num_labels=1, sharpness=sharpness, max_count=max_count)
    scores, labels = torch.linspace(1, 0, 2000), torch.zeros(2000, dtype=torch.long)
    neutral = prior.recalibrate(scores, labels)
    torch.testing.assert_close(neutral, scores.clamp(max=1 - 5e-3))
    prior.fit(torch.full((5, 1), count), torch.tensor([[0.0, 0.5, 9.0]]))
    found = prior.recalibrate(scores, labels)
    assert found.isfinite().all() and found.min() >= 0 and found.max() <= 1
    assert (found.diff() <= 1e-6).all()
