# SPDX-License-Identifier: Apache-2.0
"""The dataset class: what it reads, what it refuses, and its random draws."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from tal_files import DATABASE, OFFSET, STRIDE, TEST_PIPELINE, build, names, rewrite, video
from torch.utils.data import DataLoader

from tmx_plugin.datasets import TALDataset


def test_training_leaves_out_videos_without_ground_truth(root):
    dataset = build(root)
    assert names(dataset) == ['a', 'b']
    assert dataset.metainfo == dict(dataset_type='tal', classes=('run', 'jump'))
    info = dataset.get_data_info(0)
    assert info['labels'].tolist() == [0, 1]
    np.testing.assert_array_equal(info['segments_sec'], [[0, 4], [5, 6]])
    assert info['feature_paths'] == [str(root / 'features' / 'a.npy')]
    assert (info['duration'], info['fps'], info['num_frames']) == (10.5, 8, None)
    assert (info['feature_stride'], info['offset_frames'], info['sample_idx']) == (4, 4, 0)
    assert dataset.get_cat_ids(0) == [0, 1]


def test_testing_keeps_every_video_whole(root):
    dataset = build(root, subset='val', test_mode=True, pipeline=TEST_PIPELINE)
    assert names(dataset) == ['d', 'e']
    sample = dataset[0]
    assert sample['inputs'].shape == (20, 3)
    assert sample['data_samples'].metainfo['gt_segment_labels'].tolist() == [0, 0]
    assert dataset[1]['data_samples'].metainfo['gt_segments_sec'].shape == (0, 2)


@pytest.mark.parametrize(
    'subset, expected', [('TRAIN', ['a', 'b']), (['training', 'validation'], ['a', 'b', 'd'])]
)
def test_subsets(root, subset, expected):
    assert names(build(root, subset=subset)) == expected


def test_classes_without_a_list_are_sorted(root):
    assert build(root, class_file=None).metainfo['classes'] == ('jump', 'run')
    dataset = build(root, class_file=None, metainfo=dict(classes=['x', 'run', 'jump']))
    assert dataset.metainfo['classes'] == ('x', 'run', 'jump')
    assert dataset.get_data_info(0)['labels'].tolist() == [1, 2]


def test_time_base(root):
    rewrite(root, a=video('Training', ('run', 0, 1), frame=85))
    assert build(root).get_data_info(0)['num_frames'] == 85
    assert build(root).get_data_info(0)['fps'] == 85 / 10.5
    info = build(root, fps=8.1).get_data_info(0)
    assert info['num_frames'] is None and info['fps'] == 8.1, 'one rate for all goes first'


def test_sample_stride_changes_the_grid(root):
    dataset = build(root, sample_stride=2, pipeline=TEST_PIPELINE, test_mode=True)
    sample = dataset[0]
    assert sample['inputs'][:, 0].tolist() == [6.0 * i for i in range(10)]
    assert sample['data_samples'].metainfo['feature_stride'] == 8


def test_two_folders_with_their_own_names(root):
    (root / 'flow').mkdir()
    for name in DATABASE:
        np.save(root / 'flow' / f'f_{name}.f16.npy', np.ones((20, 2), np.float16))
    dataset = build(
        root,
        data_prefix=dict(rgb='features', flow='flow'),
        feature_prefix=dict(rgb='', flow='f_'),
        feature_suffix=dict(rgb='.npy', flow='.f16.npy'),
        channels=(2, 4),
        pipeline=TEST_PIPELINE,
    )
    assert dataset[1]['inputs'][0].tolist() == [102, 1]


def test_channels_first_files(root):
    for path in (root / 'features').iterdir():
        np.save(path, np.load(path).T)
    assert build(root, layout='ct', pipeline=TEST_PIPELINE)[0]['inputs'][1].tolist() == [3, 4, 5]


def test_block_list(root):
    assert names(build(root, block_list=['a'])) == ['b']
    (root / 'blocked.txt').write_text('b\n')
    assert names(build(root, block_list='blocked.txt')) == ['a']
    (root / 'blocked.txt').write_bytes(b'\xef\xbb\xbfb \r\n\r\nno a\r\n')
    assert names(build(root, block_list='blocked.txt')) == ['a'], 'names may have blanks'
    (root / 'blocked.txt').write_text('\n')
    assert names(build(root, block_list='blocked.txt')) == ['a', 'b']


def test_filter_gt_only_in_training(root):
    # 1.0 and 1.1 s lie in the same frame, 8; 2.0 to 2.2 s are frames 16 to 17.
    short = video('Training', ('run', 1, 1.1), ('run', 3, 2), ('jump', 2, 2.2))
    rewrite(root, a=short, b=video('Training', ('run', 1, 1.1)))
    dataset = build(root, filter_gt=True)
    assert names(dataset) == ['a']
    assert dataset.get_data_info(0)['labels'].tolist() == [1]
    assert names(build(root)) == ['a', 'b']
    assert len(build(root, filter_gt=True, test_mode=True).get_data_info(0)['labels']) == 3


def test_missing_features_can_be_skipped(root, caplog):
    (root / 'features' / 'a.npy').unlink()
    assert names(build(root, missing='skip')) == ['b']


def test_indices_and_subsets_of_mmengine(root):
    assert names(build(root, indices=1)) == ['a']
    part = build(root).get_subset([1])
    assert names(part) == ['b']
    assert part._draw_state.is_shared()


def test_cache_gives_the_same_samples(root):
    plain, cached = build(root), build(root, cache='ram')
    cached.set_epoch(0)
    for path in (root / 'features').iterdir():
        np.save(path, np.zeros((20, 3), np.float32))
    assert plain[0]['inputs'].abs().sum() == 0
    assert cached[0]['inputs'].sum() > 0, 'read when it was built'
    first = cached[0]['inputs'].clone()
    cached[0]['inputs'].zero_()
    assert torch.equal(cached[0]['inputs'], first)


def test_side_file_that_agrees(root):
    (root / 'features' / 'a.json').write_text(
        json.dumps(dict(fps=8.0, frames=84, duration=10.5, stride=4, clip_len=8, extra='x'))
    )
    assert len(build(root)) == 2


def crops(loader, dataset, epochs, seed=7):
    """First values of all samples of some epochs: which windows were drawn."""
    drawn = []
    for epoch in epochs:
        dataset.set_epoch(epoch, seed)
        drawn.append([x[0, 0].item() for batch in loader for x in batch['inputs']])
    return drawn


def test_draws_depend_on_seed_epoch_and_video_only(root):
    rewrite(root, **{f'v{i}': video('Training', ('run', 0, 10)) for i in range(8)})
    for i in range(8):
        np.save(root / 'features' / f'v{i}.npy', np.arange(60, dtype=np.float32).reshape(20, 3))
    dataset = build(root)
    first = crops(DataLoader(dataset, 2, collate_fn=pseudo_collate), dataset, range(3))
    assert first[0] != first[1] != first[2], 'epochs differ'
    for persistent in (True, False):
        workers = DataLoader(
            dataset, 2, num_workers=2, collate_fn=pseudo_collate, persistent_workers=persistent
        )
        assert crops(workers, dataset, range(3)) == first, 'workers change nothing'
    again = DataLoader(dataset, 5, collate_fn=pseudo_collate)
    assert crops(again, dataset, [2, 0]) == [first[2], first[0]], 'nor does the past'
    assert crops(again, dataset, range(3), seed=8) != first, 'seeds differ'
    with pytest.raises(ValueError, match='must not be negative'):
        dataset.set_epoch(-1)


def test_draws_without_an_epoch_come_from_the_global_generator(root):
    dataset = build(root)

    def draw():
        return [dataset[0]['inputs'][0, 0].item() for _ in range(20)]

    np.random.seed(3)
    first = draw()
    assert len(set(first)) > 1
    np.random.seed(3)
    assert draw() == first


def test_works_without_a_default_scope_and_in_other_folders(root, monkeypatch):
    monkeypatch.chdir(root)
    dataset = TALDataset(
        ann_file='a.json',
        subset='training',
        feature_stride=STRIDE,
        offset_frames=OFFSET,
        pipeline=TEST_PIPELINE,
    )
    assert dataset[0]['inputs'].shape == (20, 3)
    assert Path(dataset.get_data_info(0)['feature_paths'][0]) == Path('features/a.npy')
