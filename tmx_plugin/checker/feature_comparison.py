# SPDX-License-Identifier: Apache-2.0
"""Are two sets of features of the same videos the same, and if not, what differs?

Naming: "own" features are compared with "reference" ones. A lag of n means that own[t + n] is
closest to reference[t]: the own ones are n grid steps late.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Optional

import numpy as np

from ..datasets.checks.findings import Finding
from ..errors import DataError

#: Streams of known widths: name, first channel, channel behind the last.
STREAMS = {
    2048: (('rgb', 0, 1024), ('flow', 1024, 2048)),
    2304: (('slow', 0, 2048), ('fast', 2048, 2304)),
}
#: Median correlation from which on two streams count as the same, and as related.
SAME, RELATED = 0.98, 0.3
MAX_LAG = 8
#: Ratio of scales, and difference of shares of zeros, up to which they count as the same.
MAX_SCALE, MAX_ZEROS = 1.1, 0.05
# A hypothesis other than the plain one has to be better by this much.
_MARGIN = 0.02
_MAX_STEPS = 4000  # of the correlations of all channels with all


@dataclass
class StreamComparison:
    """How a stream compares with the reference; arrays are per channel ``(C,)``.

    Attributes:
        name (str): Name of the stream.
        matched (str): The reference's stream that it resembles most.
        ratio (Fraction): Own features per reference feature in time.
        lag (int): Grid steps that the own features are late, at the reference's stride.
        correlation (np.ndarray): At that lag; NaN where a channel is constant.
        plain (float): Median correlation with the stream of the same name, without lag or ratio.
        scale (np.ndarray): Standard deviation, own / reference; NaN where that is constant.
        zeros (np.ndarray): Share of values that are 0, own and reference, ``(2, C)``.
        permuted (bool): Whether own channels resemble reference channels of other numbers.
    """

    name: str
    matched: str
    ratio: Fraction
    lag: int
    correlation: np.ndarray
    plain: float
    scale: np.ndarray
    zeros: np.ndarray
    permuted: bool = False

    @property
    def median(self) -> float:
        """Median correlation over the channels."""
        return median(self.correlation)


@dataclass
class Comparison:
    """Result of :func:`compare_features`."""

    videos: list[str]
    streams: list[StreamComparison]
    findings: list[Finding] = field(default_factory=list)


def median(values: np.ndarray) -> float:
    """Median of the finite values; 0 where there are none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else 0.0


def compare_features(
    own: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
    stride: Optional[float] = None,
    clip_len: Optional[float] = None,
) -> Comparison:
    """Compare features of the same videos.

    Args:
        own (Mapping[str, np.ndarray]): ``(T, C)`` features by video.
        reference (Mapping[str, np.ndarray]): Those to compare with.
        stride (float, optional): Frames between the reference's features, for the messages.
        clip_len (float, optional): Frames of a clip, to recognize half a clip.

    Returns:
        Comparison: What was measured, and a finding for everything that differs.

    Raises:
        DataError: If no video is in both, or the widths differ.
    """
    videos = sorted(set(own) & set(reference))
    if not videos:
        raise DataError(
            f'no video is in both sets of features: {sorted(own)[:3]} and {sorted(reference)[:3]}'
        )
    widths = {features[video].shape[1] for features in (own, reference) for video in videos}
    if len(widths) > 1:
        raise DataError(f'the features have {sorted(widths)} channels; expected the same number')
    width = widths.pop()
    spans = STREAMS.get(width, (('features', 0, width),))
    pairs = [
        (np.asarray(own[video], np.float32), np.asarray(reference[video], np.float32))
        for video in videos
    ]
    ratio = _time_ratio(pairs)
    streams = [_compare_stream(pairs, span, spans, ratio) for span in spans]
    return Comparison(videos, streams, list(_diagnose(streams, stride, clip_len)))


def _time_ratio(pairs: Sequence[tuple]) -> Fraction:
    """Own features per reference feature, as a simple fraction."""
    ratio = float(np.median([len(own) / len(reference) for own, reference in pairs]))
    simple = Fraction(ratio).limit_denominator(8)
    # A few clips more or less are another way to treat a video's end, not another stride.
    close = all(abs(len(own) - len(reference)) <= MAX_LAG for own, reference in pairs)
    return Fraction(1) if close and abs(ratio - 1) < 0.25 or not simple else simple


def _compare_stream(pairs, span, spans, ratio: Fraction) -> StreamComparison:
    """Try which stream, ratio and lag explain a stream best."""
    name, start, stop = span
    tried = []
    for other in spans:
        if other[2] - other[1] != stop - start:
            continue
        for steps in {Fraction(1), ratio}:
            cut = [
                (_resample(own[:, start:stop], steps), reference[:, other[1] : other[2]])
                for own, reference in pairs
            ]
            for lag in range(-MAX_LAG, MAX_LAG + 1):
                correlation, scale = correlate(cut, lag)
                plain = other == span and steps == 1 and lag == 0
                tried.append(
                    (
                        median(correlation) + _MARGIN * plain,
                        plain,
                        other,
                        steps,
                        lag,
                        correlation,
                        scale,
                    )
                )
    best = max(tried, key=lambda each: each[0])
    plain = next(each for each in tried if each[1])
    zeros = np.stack(
        [
            (np.concatenate([pair[side][:, start:stop] for pair in pairs]) == 0).mean(axis=0)
            for side in (0, 1)
        ]
    )
    result = StreamComparison(
        name, best[2][0], best[3], best[4], best[5], median(plain[5]), best[6], zeros
    )
    if result.median < RELATED:
        result.permuted = _is_permuted(
            [(own[:, start:stop], reference[:, start:stop]) for own, reference in pairs]
        )
    return result


def _resample(features: np.ndarray, ratio: Fraction) -> np.ndarray:
    """Features as they would be with ``ratio`` times fewer of them.

    Every step is that of the reference, values between are interpolated linearly.
    """
    if ratio == 1:
        return features
    positions = np.arange(0, len(features) - 1 + 1e-9, float(ratio))
    low = np.minimum(positions.astype(int), len(features) - 1)
    high = np.minimum(low + 1, len(features) - 1)
    weight = (positions - low).astype(np.float32)[:, None]
    return features[low] * (1 - weight) + features[high] * weight


def correlate(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], lag: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Correlation and ratio of scales of each channel over all videos.

    Args:
        pairs (Sequence[tuple]): Own and reference features ``(T, C)`` of each video; what one has
            more at its end is left out.
        lag (int): Steps that the own ones are late.

    Returns:
        tuple[np.ndarray, np.ndarray]: Pearson correlation and own / reference standard deviation,
        ``(C,)`` each; NaN for constant channels.

    Examples:
        >>> ramp = np.arange(6.)[:, None] ** 2
        >>> correlate([(3 * ramp, ramp)])
        (array([1.]), array([3.]))
    """
    cut = []
    for own, reference in pairs:
        own, reference = own[max(lag, 0) :], reference[max(-lag, 0) :]
        length = min(len(own), len(reference))
        cut.append((own[:length], reference[:length]))
    own, reference = (np.concatenate(each).astype(np.float64) for each in zip(*cut))
    if len(own) < 2:
        nothing = np.full(own.shape[1], np.nan)
        return nothing, nothing
    own, reference = own - own.mean(axis=0), reference - reference.mean(axis=0)
    own_std, reference_std = own.std(axis=0), reference.std(axis=0)
    with np.errstate(divide='ignore', invalid='ignore'):
        correlation = (own * reference).mean(axis=0) / (own_std * reference_std)
        return (
            np.where(own_std * reference_std > 0, correlation, np.nan),
            np.where(reference_std > 0, own_std / reference_std, np.nan),
        )


def _is_permuted(pairs) -> bool:
    """Whether most own channels resemble reference channels of other numbers."""
    both = []
    for side in (0, 1):
        cut = [pair[side][: min(len(pair[0]), len(pair[1]))] for pair in pairs]
        values = np.concatenate(cut)[:_MAX_STEPS].astype(np.float64)
        values -= values.mean(axis=0)
        norm = np.linalg.norm(values, axis=0)
        both.append(values / np.where(norm > 0, norm, 1))
    best = (both[0].T @ both[1]).max(axis=1)
    return median(best[np.abs(both[0]).sum(axis=0) > 0]) >= SAME - _MARGIN


def _diagnose(streams: Sequence[StreamComparison], stride, clip_len):
    """Findings, most specific first."""
    for stream in streams:
        yield from _diagnose_stream(stream, streams, stride, clip_len)


def _diagnose_stream(stream: StreamComparison, streams, stride, clip_len):
    where = f'{stream.name}: '
    if stream.permuted:
        yield Finding(
            'error',
            'channel order',
            f'{where}the channels are those of the reference in another order',
        )
        return
    if stream.median < RELATED:
        yield Finding(
            'error',
            'network',
            f'{where}unrelated to the reference (median '
            f'correlation {stream.median:.2f}): another network, other weights or '
            'other videos',
        )
        return
    if stream.matched != stream.name:
        yield Finding(
            'error',
            'streams',
            f"{where}resembles the reference's {stream.matched}: the streams are swapped",
        )
    if stream.ratio != 1:
        yield Finding(
            'error',
            'stride',
            f'{where}{float(stream.ratio):g} features for one of '
            'the reference: the stride, or the frame rate, differs by that factor',
        )
    if stream.lag:
        yield Finding('error', 'offset', where + _describe_lag(stream.lag, stride, clip_len))
    if stream.median < SAME:
        yield _lower_correlation(stream, streams)
    yield from _compare_values(stream, where)


def _compare_values(stream: StreamComparison, where: str):
    scale = median(stream.scale)
    if not 1 / MAX_SCALE <= scale <= MAX_SCALE:
        yield Finding(
            'warning', 'scale', f'{where}values are {scale:.2f} times those of the reference'
        )
    own_zeros, reference_zeros = stream.zeros.mean(axis=1)
    if abs(own_zeros - reference_zeros) > MAX_ZEROS:
        yield Finding(
            'warning',
            'zeros',
            f'{where}{own_zeros:.0%} of the values are 0, of the reference {reference_zeros:.0%}',
        )


def _describe_lag(lag: int, stride, clip_len) -> str:
    text = f'{abs(lag)} grid step(s) {"late" if lag > 0 else "early"}'
    if stride:
        text += f', {abs(lag) * stride:g} frames'
        if clip_len and abs(lag) * stride == clip_len / 2:
            text += ', half a clip: one counts clips by their center, the other by their start'
    return text


def _lower_correlation(stream: StreamComparison, streams) -> Finding:
    """What a correlation below 1 speaks for."""
    level = 'error' if stream.median < 0.9 else 'warning'
    flow_agrees = any(each.name == 'flow' and each.median >= SAME for each in streams)
    if stream.name == 'rgb' and flow_agrees:
        cause = (
            'while flow agrees: the order of colors (BGR for RGB) or the scaling of pixels differs'
        )
    elif stream.name == 'flow':
        cause = 'as with another algorithm, bound or coding of optical flow'
    else:
        cause = 'as with another order of colors (BGR for RGB), resizing, crop or decoding'
    return Finding(
        level,
        'values',
        f'{stream.name}: related to the reference, not equal (median '
        f'correlation {stream.median:.2f}), {cause}',
    )
