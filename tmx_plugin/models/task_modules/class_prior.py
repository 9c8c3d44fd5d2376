# SPDX-License-Identifier: Apache-2.0
"""What annotations say of a class before a video is seen: how often, how long, and where in it.

Letters: V training videos, K classes, M largest count told apart, N detections, P places.
"""

from __future__ import annotations

import math

import torch
from mmaction.registry import TASK_UTILS
from torch import Tensor, nn

from ...errors import ConfigError

# Detections of a class in a video that the count can tell apart; those behind follow the last.
MAX_DETECTIONS = 64
# Scores nearer to 1 than this are taken for this far from it.
SCORE_EPS = 5e-3
# Largest power of the odds: chances so near to 1 can still be told from it in float64.
MAX_SHARPNESS = 6
# Shorter segments count as this long; spreads of log lengths below the second one as that.
MIN_SECONDS, MIN_SPREAD = 0.05, 0.1


@TASK_UTILS.register_module()
class ClassPrior(nn.Module):
    """Scores that know how often a class occurs in a video, for how long, and where.

    Three corrections, each estimated from the annotations of the training by :meth:`fit`:

    * *Place.* The density of the class's instances over the length of a video is a likelihood
      ratio; ``place_weight`` times its logarithm is added to the class logit of each point, at the
      centre of its segment.
    * *Length.* ``length_weight`` times the log-likelihood of the segment's length, log-normal and
      without its constant (0 at the class's geometric mean), is added, too.
    * *Count.* After the suppression the detections of a class in a video are taken for independent
      events. The distribution of their number is replaced by that of the training videos, and
      each detection gets its probability under the result. Where the counts of the training videos
      are Poisson, which is what independence gives, no score changes.

    The estimates are buffers, hence in the checkpoint; before :meth:`fit` they are neutral. They
    help where videos follow a script, and harm where later videos follow another one than those of
    the training.

    Args:
        num_labels (int): Number of classes K; the head gives it.
        place_weight (float): See above; 0 leaves the place out. Defaults to 0.5.
        bandwidth (float): Standard deviation of the Gaussian kernel of the density, as a share of
            the video. Defaults to 0.05.
        length_weight (float): See above; 0 leaves the length out. Defaults to 0.25.
        use_count (bool): Whether to consider the count. Defaults to True.
        max_count (int): Counts from this on are not told apart. Defaults to 8.
        sharpness (float): Power of the odds of a score while the count is considered: scores of a
            focal loss are too close to each other. At most 6. Defaults to 2.

    Raises:
        ConfigError: A number is out of range.

    Example:
        >>> prior = ClassPrior(num_labels=1)
        >>> once = torch.tensor([[0., .3, 5.], [0., .6, 5.]])  # class, centre, seconds
        >>> prior.fit(torch.ones(50, 1), once)  # one instance in each of 50 videos
        >>> prior.recalibrate(torch.tensor([.8, .6]), torch.tensor([0, 0])).round(decimals=2)
        tensor([0.7300, 0.2800])
    """

    count_weights: Tensor
    log_density: Tensor
    length_mean: Tensor
    length_precision: Tensor

    def __init__(
        self,
        num_labels: int,
        place_weight: float = 0.5,
        bandwidth: float = 0.05,
        length_weight: float = 0.25,
        use_count: bool = True,
        max_count: int = 8,
        sharpness: float = 2.0,
    ) -> None:
        super().__init__()
        if min(place_weight, length_weight) < 0 or not (
            max_count >= 1 and 0 < sharpness <= MAX_SHARPNESS and 0 < bandwidth <= 1
        ):
            raise ConfigError(
                'a class prior needs weights >= 0, max_count >= 1, sharpness in '
                f'(0, {MAX_SHARPNESS}] and bandwidth in (0, 1], found '
                f'place_weight {place_weight}, length_weight {length_weight}, '
                f'max_count {max_count}, sharpness {sharpness}, bandwidth {bandwidth}'
            )
        self.sharpness = sharpness
        self.place_weight = place_weight
        self.length_weight = length_weight
        self.bandwidth = bandwidth
        self.use_count = use_count
        self.register_buffer('count_weights', torch.ones(num_labels, max_count + 1))
        self.register_buffer('log_density', torch.zeros(num_labels, 101))
        # Mean and reciprocal standard deviation of the logarithm of seconds.
        self.register_buffer('length_mean', torch.zeros(num_labels))
        self.register_buffer('length_precision', torch.zeros(num_labels))

    def fit(self, counts: Tensor, instances: Tensor) -> None:
        """Estimate all from annotations.

        Args:
            counts (Tensor): ``(V, K)`` number of instances of each class in each video.
            instances (Tensor): ``(n, 3)`` label, centre as a share of the video, and seconds of
                each instance.

        Raises:
            ConfigError: There is no video.
        """
        labels, places, seconds = instances.double().unbind(1)
        self.count_weights.copy_(count_weights(counts, self.count_weights.shape[1] - 1))
        density = [
            place_density(places[labels == k], self.log_density.shape[1], self.bandwidth)
            for k in range(len(self.log_density))
        ]
        self.log_density.copy_(torch.stack(density).log())
        mean, std = length_statistics(seconds, labels.long(), len(self.length_mean))
        self.length_mean.copy_(mean)
        self.length_precision.copy_(1 / std)

    def logits(self, centres: Tensor, seconds: Tensor) -> Tensor:
        """What place and length of a segment add to its class logits.

        Args:
            centres (Tensor): ``(n,)`` as a share of the video; outside of [0, 1] as at its ends.
            seconds (Tensor): ``(n,)`` lengths.

        Returns:
            Tensor: ``(n, K)``.

        Example:
            >>> ClassPrior(num_labels=2).logits(torch.tensor([.3]), torch.tensor([5.])).abs()
            tensor([[0., 0.]])
        """
        bins = self.log_density.shape[1] - 1
        position = centres.clamp(0, 1) * bins
        left = position.long().clamp(max=bins - 1)
        table = self.log_density.T  # (P, K)
        place = torch.lerp(table[left], table[left + 1], (position - left)[:, None])
        deviation = seconds.clamp(min=MIN_SECONDS).log()[:, None] - self.length_mean
        length = -((deviation * self.length_precision) ** 2) / 2
        return self.place_weight * place + self.length_weight * length

    @torch.no_grad()
    def recalibrate(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Scores of the detections of one video, given how many there may be of each class.

        Args:
            scores (Tensor): ``(n,)`` in [0, 1], by descending score.
            labels (Tensor): ``(n,)`` int64.

        Returns:
            Tensor: ``(n,)``; within a class the order stays.
        """
        if not self.use_count or not len(scores):
            return scores
        rank = rank_in_class(labels)
        odds = torch.zeros(len(self.count_weights), MAX_DETECTIONS, dtype=torch.float64)
        row, column = labels.cpu(), rank.clamp(max=MAX_DETECTIONS - 1).cpu()
        first = (rank < MAX_DETECTIONS).cpu()
        given = scores.cpu().double()
        odds[row[first], column[first]] = _odds(given[first], self.sharpness, SCORE_EPS)
        found = inclusion_probabilities(odds, self.count_weights.cpu().double())
        found = _odds(found, 1 / self.sharpness, SCORE_EPS**self.sharpness / 2)
        found = found / (1 + found)  # (K, MAX_DETECTIONS)
        result = found[row, column]
        if not first.all():  # in proportion to the last of the class that was considered
            last = torch.ones_like(found[:, 0])
            at = (rank == MAX_DETECTIONS - 1).cpu()
            last[row[at]] = given[at]
            result = torch.where(first, result, result * given / last[row].clamp(min=1e-12))
        return result.to(scores)


def _odds(probability: Tensor, power: float, eps: float) -> Tensor:
    probability = probability.clamp(max=1 - eps)
    return (probability / (1 - probability)) ** power


def rank_in_class(labels: Tensor) -> Tensor:
    """How many elements before it have the label of each element.

    Args:
        labels (Tensor): ``(n,)`` int64.

    Returns:
        Tensor: ``(n,)`` int64.

    Example:
        >>> rank_in_class(torch.tensor([2, 0, 2, 2]))
        tensor([0, 0, 1, 2])
    """
    order = labels.argsort(stable=True)
    ordered = labels[order]
    begin = torch.searchsorted(ordered, ordered)
    rank = torch.empty_like(labels)
    rank[order] = torch.arange(len(labels), device=labels.device) - begin
    return rank


def count_weights(counts: Tensor, max_count: int) -> Tensor:
    """How much more often a count occurs than it would if instances were independent.

    The ratio of the distribution of the counts to the Poisson distribution of the same mean. To
    the observed counts one video of Poisson counts is added, and to those of the mean one video of
    the average class, so that no ratio is zero and rare classes are drawn to independence.

    Args:
        counts (Tensor): ``(V, K)`` number of instances of each class in each video.
        max_count (int): Counts from this on share one ratio.

    Returns:
        Tensor: ``(K, max_count + 1)`` float64.

    Raises:
        ConfigError: There is no video.

    Example:
        >>> count_weights(torch.ones(9, 1), 2).round(decimals=2)
        tensor([[0.1000, 2.5500, 0.1000]], dtype=torch.float64)
    """
    if not len(counts):
        raise ConfigError('a class prior needs videos with annotations, found none')
    counts = counts.double()
    num_videos = len(counts)
    mean = (counts.sum(0) + counts.mean()) / (num_videos + 1)  # (K,)
    number = torch.arange(max_count, dtype=torch.float64)
    rate = mean[:, None].clamp(min=1e-6)
    poisson = (number * rate.log() - rate - torch.lgamma(number + 1)).exp()  # (K, max_count)
    observed = (counts[..., None] == number).double().mean(0)
    poisson, observed = (
        torch.cat([x, (1 - x.sum(1, keepdim=True)).clamp(min=0)], 1) for x in (poisson, observed)
    )
    poisson = poisson.clamp(min=1e-9)
    return (observed * num_videos / poisson + 1) / (num_videos + 1)


def place_density(places: Tensor, bins: int, bandwidth: float) -> Tensor:
    """Density of places in [0, 1], at evenly spaced ones from 0 to 1.

    A Gaussian kernel estimate, reflected at both ends, with the weight of three uniform instances
    added, so that rare classes are drawn to the uniform density 1.

    Args:
        places (Tensor): ``(n,)``; outside of [0, 1] they count as at its ends.
        bins (int): Number of values P.
        bandwidth (float): Standard deviation of the kernel.

    Returns:
        Tensor: ``(P,)`` float64, positive.

    Example:
        >>> place_density(torch.tensor([.5]), 3, .1).round(decimals=2)
        tensor([0.7500, 1.7500, 0.7500], dtype=torch.float64)
    """
    places = places.double().clamp(0, 1)
    grid = torch.linspace(0, 1, bins, dtype=torch.float64)
    reflected = torch.cat([-places, places, 2 - places])
    kernel = (-(((grid[:, None] - reflected) / bandwidth) ** 2) / 2).exp().sum(1)
    kernel = kernel / (bandwidth * math.sqrt(2 * math.pi))
    return (kernel + 3) / (len(places) + 3)


def length_statistics(seconds: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the logarithm of the lengths of each class.

    One instance of the mean of all classes is added to each mean, and four of the variance of all
    to each variance, so that rare classes are drawn to the average.

    Args:
        seconds (Tensor): ``(n,)`` float64.
        labels (Tensor): ``(n,)`` int64.
        num_classes (int): Number of classes K.

    Returns:
        tuple[Tensor, Tensor]: Mean and standard deviation ``(K,)`` float64.

    Example:
        >>> mean, std = length_statistics(torch.tensor([1., 1., 1.]), torch.tensor([0, 0, 1]), 2)
        >>> mean, std
        (tensor([0., 0.]), tensor([0.1000, 0.1000]))
    """
    logs = seconds.clamp(min=MIN_SECONDS).log()
    overall, spread = (logs.mean(), logs.var(correction=0)) if len(logs) else (logs.sum(),) * 2
    number = torch.bincount(labels, minlength=num_classes)
    mean = (torch.bincount(labels, logs, num_classes) + overall) / (number + 1)
    square = torch.bincount(labels, (logs - mean[labels]) ** 2, num_classes)
    return mean, ((square + 4 * spread) / (number + 4)).sqrt().clamp(min=MIN_SPREAD)


def inclusion_probabilities(odds: Tensor, weights: Tensor) -> Tensor:
    """Probability of each of N events, independent but for a weight of how many of them occur.

    A set S of events has the probability ``prod(odds of S) * weights[min(|S|, M)]``, up to a factor
    common to all. Sums over all sets take two passes over the events, as in a hidden Markov model
    whose state is the number that has occurred.

    Args:
        odds (Tensor): ``(K, N)`` float64, not negative.
        weights (Tensor): ``(K, M + 1)`` float64, positive.

    Returns:
        Tensor: ``(K, N)``.

    Example:
        >>> odds = torch.tensor([[3., 1.]])
        >>> inclusion_probabilities(odds, torch.ones(1, 3))  # independent
        tensor([[0.7500, 0.5000]])
        >>> inclusion_probabilities(odds, torch.tensor([[0., 1., 0.]]))  # one of them
        tensor([[0.7500, 0.2500]])
    """
    chance = (odds / (1 + odds)).T.unsqueeze(-1)  # (N, K, 1)
    state = torch.zeros_like(weights)
    state[:, 0] = 1
    before = []  # of each event: distribution of the number among those before it
    for event in chance:
        before.append(state)
        more = (state * event).roll(1, dims=1)
        more[:, -1:] += more[:, :1]  # from the largest number on, one state
        more[:, 0] = 0
        state = state * (1 - event) + more
    result = torch.empty_like(odds)
    total = (state * weights).sum(1)
    after = weights  # mean weight by the number among the events up to this one
    for i in range(len(chance) - 1, -1, -1):
        one_more = torch.cat([after[:, 1:], after[:, -1:]], 1)
        result[:, i] = chance[i, :, 0] * (before[i] * one_more).sum(1) / total
        after = after * (1 - chance[i]) + one_more * chance[i]
    return result
