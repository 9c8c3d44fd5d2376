# SPDX-License-Identifier: Apache-2.0
"""Timelines: lanes and selection by hand, and that drawn text never overlaps."""

import itertools

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from matplotlib.collections import PolyCollection

from tmx_plugin.visualization import draw_timeline, figure_to_image, save_figure
from tmx_plugin.visualization.layout import (
    DPI,
    assign_lanes,
    select_classes,
    select_predictions,
    shorten,
    text_width,
)
from tmx_plugin.visualization.timeline import MIN_BAR, file_name


def texts_of(fig):
    """Visible, non-empty texts with their boxes in pixels."""
    fig.canvas.draw()
    texts = [*fig.texts, *(text for legend in fig.legends for text in legend.get_texts())]
    for ax in fig.axes:
        low, high = ax.get_xlim()  # ticks outside are not drawn
        texts += [
            *ax.texts,
            *(tick.label1 for tick in ax.xaxis.get_major_ticks() if low <= tick.get_loc() <= high),
        ]
    return [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]


def assert_legible(fig):
    """No two texts touch, and none leaves the picture."""
    boxes = texts_of(fig)
    width, height = fig.get_size_inches() * DPI
    for text, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
        assert apart, f'{one!r} overlaps {other!r}'


def random_video(seed, num_classes, num_gt, num_pred, duration):
    rng = np.random.default_rng(seed)

    def segments(count):
        start = rng.uniform(0, duration, count)
        return np.stack([start, np.minimum(start + rng.exponential(5, count), duration)], axis=1)

    return (
        segments(num_gt),
        rng.integers(0, num_classes, num_gt),
        segments(num_pred),
        rng.random(num_pred),
        rng.integers(0, num_classes, num_pred),
    )


def bars(fig):
    """Boxes of all bars as (left, right) in data units, ground truth (hatched) and predictions."""
    found = {True: [], False: []}
    for item in fig.axes[0].collections:
        if isinstance(item, PolyCollection):
            found[item.get_hatch() is not None] += [
                tuple(path.vertices[:, 0][[0, 1]]) for path in item.get_paths()
            ]
    return found[True], found[False]


def test_lanes_by_hand():
    segments = [[0, 4], [2, 6], [4, 8], [3, 5]]
    assert assign_lanes(segments, max_lanes=2).tolist() == [0, 1, 0, -1]
    assert assign_lanes(segments, order=[3, 0, 1, 2], max_lanes=3).tolist() == [1, 2, 1, 0]
    # Bars that only touch share a lane, unless a least length makes them overlap.
    assert assign_lanes([[0, 1], [1, 2]], max_lanes=2).tolist() == [0, 0]
    assert assign_lanes([[0, 1], [1, 2]], max_lanes=2, min_length=1.5).tolist() == [0, 1]
    assert assign_lanes(np.zeros((0, 2)), max_lanes=1).tolist() == []


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0.01, 20)), max_size=25), st.integers(1, 4))
def test_lanes_never_overlap(pairs, max_lanes):
    segments = np.array([(start, start + length) for start, length in pairs]).reshape(-1, 2)
    lanes = assign_lanes(segments, max_lanes=max_lanes)
    assert lanes.shape == (len(pairs),) and (lanes < max_lanes).all()
    for i, j in itertools.combinations(range(len(pairs)), 2):
        if lanes[i] == lanes[j] >= 0:
            assert segments[i, 1] <= segments[j, 0] or segments[j, 1] <= segments[i, 0]
    for i in np.flatnonzero(lanes < 0):  # left out only where every lane is taken
        blocking = (segments[:, 0] < segments[i, 1]) & (segments[:, 1] > segments[i, 0])
        assert set(lanes[blocking]) >= set(range(max_lanes))


def test_selection_by_hand():
    scores = [0.2, 0.9, 0.5, 0.5]
    assert select_predictions(scores).tolist() == [1, 2, 3, 0]
    assert select_predictions(scores, score_thr=0.5).tolist() == [1, 2, 3]
    assert select_predictions(scores, score_thr=0.3, top_k=2).tolist() == [1, 2]
    assert select_predictions([]).tolist() == []
    assert select_classes([7, 3], [5, 1, 5], max_rows=3).tolist() == [3, 5, 7]
    assert select_classes([], [], max_rows=3).tolist() == []


def test_shorten_keeps_both_ends():
    short = shorten('video_validation_0000051_of_the_set', 9, 1.5)
    assert short.startswith('video') and short.endswith('set') and '…' in short
    assert text_width(short, 9) <= 1.5
    assert shorten('run', 9, 1.5) == 'run'


def test_bars_lie_where_the_segments_are():
    fig = draw_timeline([[1, 3], [5, 9]], [0, 1], [[1.5, 3.5]], [0.8], [0], duration=10)
    truth, predictions = bars(fig)
    assert truth == [(1, 3), (5, 9)] and predictions == [(1.5, 3.5)]
    assert fig.axes[0].get_xlim() == (0, 10)


def test_short_segments_stay_visible():
    fig = draw_timeline([[100, 100.01]], [0], duration=7200)
    ((left, right),) = bars(fig)[0]
    inches_per_second = (12 - 1) / 7200
    assert (right - left) * inches_per_second > 0.9 * MIN_BAR


@pytest.mark.parametrize(
    'num_classes, num_gt, num_pred, duration',
    [
        (2, 12, 60, 75.3),
        (40, 150, 2000, 1600.0),
        (5, 300, 3000, 11000.0),
        (3, 0, 20, 30.0),
        (3, 4, 0, 0.8),
        (1, 0, 0, 5.0),
    ],
)
def test_no_text_overlaps(num_classes, num_gt, num_pred, duration):
    classes = [
        ('Jump', 'take the lid off the pot and put it down again slowly', 'cost: $5$ or_so')[i % 3]
        + f' {i}'
        for i in range(num_classes)
    ]
    fig = draw_timeline(
        *random_video(0, num_classes, num_gt, num_pred, duration),
        duration=duration,
        classes=classes,
        title='video_' * 40,
        score_thr=0.3,
        pred_correct=np.arange(num_pred) % 3 > 0,
    )
    assert_legible(fig)


@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.integers(0, 1000),
    st.integers(1, 12),
    st.integers(0, 30),
    st.integers(0, 200),
    st.floats(0.5, 20000),
)
def test_any_video_is_legible(seed, num_classes, num_gt, num_pred, duration):
    assert_legible(
        draw_timeline(
            *random_video(seed, num_classes, num_gt, num_pred, duration),
            duration=duration,
            title='v',
            top_k=50,
        )
    )


def test_summary_counts_what_is_left_out():
    stacked = [[0, 5]] * 6
    fig = draw_timeline(
        [[0, 5]], [0], stacked, [0.9] * 5 + [0.1], [0] * 6, duration=5, score_thr=0.3, max_lanes=3
    )
    texts = [text for text, _ in texts_of(fig)]
    assert '1 ground truth, 3 of 6 predictions (score ≥ 0.3), 2 more without room' in texts
    assert len(bars(fig)[1]) == 3


def test_time_range_zooms():
    fig = draw_timeline(
        [[1, 3], [50, 60]],
        [0, 1],
        [[1, 2], [55, 99]],
        [0.5, 0.6],
        [0, 1],
        duration=100,
        time_range=(40, 70),
    )
    truth, predictions = bars(fig)
    assert truth == [(50, 60)] and predictions == [(55, 99)]
    assert fig.axes[0].get_xlim() == (40, 70)
    assert_legible(fig)


def test_ground_truth_beyond_the_end_is_shown():
    fig = draw_timeline([[200, 220]], [0], duration=180)
    assert fig.axes[0].get_xlim() == (0, 220)


def test_wrong_predictions_look_different():
    fig = draw_timeline(
        [[0, 2]], [0], [[0, 2], [5, 7]], [0.5, 0.5], [0, 0], duration=9, pred_correct=[True, False]
    )
    styles = {item.get_linestyle()[0][1] is None for item in fig.axes[0].collections}
    assert styles == {True, False}  # solid and dashed
    assert 'wrong prediction' in [text for text, _ in texts_of(fig)]


@pytest.mark.parametrize(
    'arguments, message',
    [
        (([[0, 1]], [0, 1]), 'ground truth label'),
        (([[0, np.nan]], [0]), 'not finite'),
        (([[0, 1]], [0], [[0, 1]], [], [0]), 'as many scores'),
        (([[0, 1]], [0], [[0, 1]], [0.5], []), 'prediction label'),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_timeline(*arguments)
    with pytest.raises(ValueError, match='time range'):
        draw_timeline([[0, 1]], [0], time_range=(3, 3))


def test_image_and_files(tmp_path):
    fig = draw_timeline([[0, 1]], [0], duration=2, title='a')
    image = figure_to_image(fig)
    assert image.dtype == np.uint8 and image.shape[2] == 3 and image.shape[1] == 12 * DPI
    assert image.min() < 60 and image.max() == 255
    for name in ('a.png', 'new/b.svg', 'c.pdf'):
        save_figure(fig, tmp_path / name)
    assert (tmp_path / 'a.png').read_bytes()[:4] == b'\x89PNG'
    assert b'<svg' in (tmp_path / 'new/b.svg').read_bytes()[:400]
    assert len(list(tmp_path.iterdir())) == 3
    assert file_name('a/b c:d.mp4') == 'a_b c_d.mp4'


def test_hidden_ground_truth_is_counted():
    fig = draw_timeline([[0, 5]] * 4, [0, 0, 0, 1], duration=5, max_lanes=2, max_rows=1)
    assert '2 of 4 ground truth, 0 of 0 predictions' in [text for text, _ in texts_of(fig)]


def test_top_k_counts_within_the_time_range():
    fig = draw_timeline(
        [],
        [],
        [[0, 2], [8, 9], [8, 9.5]],
        [0.9, 0.5, 0.6],
        [0, 0, 0],
        duration=10,
        time_range=(7, 10),
        top_k=1,
    )
    assert bars(fig)[1] == [(8, 9.5)]
