# SPDX-License-Identifier: Apache-2.0
"""Choice of candidates and the whole post-processing of one video."""

import json

import numpy as np
import pytest
import torch

from tmx_plugin.models.task_modules.postprocess import (
    PostProcessCfg,
    postprocess_video,
    select_candidates,
    suppress_candidates,
)
from tmx_plugin.structures.video_time import VideoTime

TIME = dict(feature_stride=4, offset_frames=8, fps=20.0, duration=30.0)


def test_threshold_is_exclusive_and_best_come_first():
    scores = torch.tensor([[0.5, 0.25], [0.125, 0.75], [0.25, 0.0]])
    segments = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    found = select_candidates(scores, segments, pre_nms_thresh=0.125, pre_nms_topk=3)
    assert found[1].tolist() == [0.75, 0.5, 0.25]
    assert found[2].tolist()[:2] == [1, 0]
    assert found[0].tolist()[:2] == [[2, 3], [0, 1]]
    assert len(select_candidates(scores, segments, pre_nms_thresh=0.125, pre_nms_topk=9)[1]) == 4


def test_per_level_and_shortest():
    scores = torch.tensor([[0.9], [0.8], [0.7], [0.2], [0.1]])
    segments = torch.tensor([[0.0, 9.0], [1.0, 1.05], [2.0, 9.0], [3.0, 9.0], [4.0, 4.0]])
    kwargs = dict(pre_nms_thresh=0.001, pre_nms_topk=2)
    found = select_candidates(scores, segments, level_lengths=[3, 1, 1], **kwargs)
    assert found[1].tolist() == pytest.approx([0.9, 0.8, 0.2, 0.1])
    # The short ones still count among the best two of their level.
    found = suppress_candidates(
        *found,
        num_classes=1,
        cfg=PostProcessCfg(min_len=0.06),
        time=VideoTime(1, 0, fps=1.0, duration=20.0),
    )
    assert found[0].tolist() == [[0, 9], [3, 9]]
    with pytest.raises(ValueError, match=r'levels of \[3, 1\] points, but scores of 5'):
        select_candidates(scores, segments, level_lengths=[3, 1], **kwargs)


@pytest.mark.parametrize('spread', [0.01, 1.0, 30.0])
@pytest.mark.parametrize('period', [1, 7])
def test_best_of_many_scores(spread, period):
    """A sample of the scores, which may mislead, never changes what is chosen."""
    generator = torch.Generator().manual_seed(0)
    scores = (torch.randn(1400, 70, generator=generator) * spread).sigmoid()
    scores.view(-1)[::period] *= 0.5
    segments = torch.rand(1400, 2, generator=generator)
    for topk in (1, 300, 20000, 200000):
        _, found, labels = select_candidates(
            scores, segments, pre_nms_thresh=0.001, pre_nms_topk=topk
        )
        expected = np.sort(scores[scores > 0.001].numpy())[::-1][:topk]
        assert found.tolist() == expected.tolist()
        assert labels.shape == found.shape


def test_whole_video_by_hand():
    logits = torch.tensor([[4.0, -20.0], [3.0, -20.0], [-20.0, 0.0], [-8.0, -20.0]])
    segments = torch.tensor([[-10.0, 10.0], [-10.0, 10.0], [100.0, 160.0], [0.0, 1.0]])
    found = postprocess_video(logits, segments, cfg=PostProcessCfg(method='hard'), **TIME)
    # Seconds are (4 grid + 8) / 20, within [0, 30].
    torch.testing.assert_close(found[0], torch.tensor([[0.0, 2.4], [20.4, 30.0]]))
    torch.testing.assert_close(found[1], torch.tensor([4.0, 0.0]).sigmoid())
    assert found[2].tolist() == [0, 1]
    assert found[0].dtype == found[1].dtype == torch.float32


def test_low_precision_and_nothing():
    logits = torch.tensor([[2.0], [-30.0]], dtype=torch.bfloat16)
    segments = torch.tensor([[0.0, 4.0], [4.0, 8.0]], dtype=torch.bfloat16)
    found = postprocess_video(logits, segments, cfg=PostProcessCfg(), **TIME)
    assert [x.dtype for x in found] == [torch.float32, torch.float32, torch.int64]
    assert found[1].tolist() == torch.tensor([2.0]).sigmoid().tolist()
    for count in (0, 1):
        found = postprocess_video(
            logits[1 : 1 + count], segments[1 : 1 + count], cfg=PostProcessCfg(), **TIME
        )
        assert [x.shape for x in found] == [(0, 2), (0,), (0,)]


def test_settings():
    with pytest.raises(TypeError, match='pre_nms_top'):
        PostProcessCfg(pre_nms_top=3)
    with pytest.raises(ValueError, match='not one of gaussian, linear'):
        PostProcessCfg(method='nms')
    for name in ('sigma', 'pre_nms_topk', 'max_seg_num'):
        with pytest.raises(ValueError, match=f'{name} must be positive, found 0'):
            PostProcessCfg(**{name: 0})
    with pytest.raises(ValueError, match='points of each level'):
        postprocess_video(
            torch.rand(2, 1), torch.rand(2, 2), cfg=PostProcessCfg(per_level=True), **TIME
        )


def test_per_level_video():
    logits, segments = (
        torch.tensor([[3.0], [2.0], [1.0]]),
        torch.tensor([[0.0, 1.0], [5, 6], [9, 9]]),
    )
    cfg = PostProcessCfg(pre_nms_topk=1, per_level=True, min_len=0.05)
    found = postprocess_video(logits, segments, cfg=cfg, level_lengths=[1, 1, 1], **TIME)
    assert found[1].tolist() == logits[:2, 0].sigmoid().tolist()
    found = postprocess_video(logits, segments, cfg=cfg, level_lengths=[2, 1], **TIME)
    assert found[1].tolist() == logits[:1, 0].sigmoid().tolist()


def by_place(segments, scores, labels):
    """Equal scores have no order of their own."""
    order = np.lexsort((-scores.numpy(), segments[:, 1], segments[:, 0], labels))
    return segments[order], scores[order], labels[order]


@pytest.mark.parametrize('split', ['test_odd', 'test_long'])
def test_reference_models(golden_dir, split):
    """Candidates, and detections in seconds, of 15 models."""
    for path in sorted(golden_dir.glob('model_*.npz')):
        with np.load(path, allow_pickle=False) as arrays:
            info = json.loads(bytes(arrays['info_json']).decode())
            scores, segments, *expected = (
                torch.from_numpy(arrays[f'{split}/{name}'])
                for name in (
                    'scores_0',
                    'proposals_0',
                    'prenms_segments',
                    'prenms_scores',
                    'prenms_labels',
                    'det_segments_seconds',
                    'nms_scores',
                    'nms_labels',
                )
            )
        settings = info['post_processing']
        nms = {key: value for key, value in settings['nms'].items() if key != 'use_soft_nms'}
        cfg = PostProcessCfg(
            pre_nms_topk=settings['pre_nms_topk'], pre_nms_thresh=settings['pre_nms_thresh'], **nms
        )
        found = select_candidates(
            scores, segments, pre_nms_thresh=cfg.pre_nms_thresh, pre_nms_topk=cfg.pre_nms_topk
        )
        torch.testing.assert_close(found[1], expected[1], rtol=0, atol=0)
        for a, b in zip(by_place(*found), by_place(*expected[:3])):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-6)

        meta = info[f'{split}_meta']
        found = postprocess_video(
            scores.double().logit(),
            segments,
            cfg=cfg,
            feature_stride=meta['snippet_stride'],
            offset_frames=meta['offset_frames'],
            fps=meta['fps'],
            duration=meta['duration'],
        )
        torch.testing.assert_close(found[1], expected[4], rtol=0, atol=1e-6)
        for a, b in zip(by_place(*found), by_place(*expected[3:])):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
