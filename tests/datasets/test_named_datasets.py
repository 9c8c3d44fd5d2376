# SPDX-License-Identifier: Apache-2.0
"""The published data sets, on their real annotations."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmaction.registry import DATASETS
from mmengine.config import Config

from tmx_plugin.datasets.transforms import SegmentsToGrid

BASES = [
    'thumos14_i3d',
    'multithumos_i3d',
    'epic_kitchens_slowfast_noun',
    'epic_kitchens_slowfast_verb',
    'hapt',
    'synthetic',
]


@pytest.fixture(scope='module')
def thumos(shared_data, tmp_path_factory):
    """Folder of narrow random features, as long as the published ones of all 413 videos."""
    folder = tmp_path_factory.mktemp('i3d')
    lengths = json.loads((shared_data / 'thumos14/i3d_stride4_feature_lengths.json').read_text())
    rng = np.random.default_rng(0)
    for name, entry in lengths.items():
        np.save(
            folder / f'{name}.npy',
            rng.random((entry['feature_length'], 4), dtype=np.float32).astype(np.float16),
        )
    return folder


def build(repo, base, split, **kwargs):
    cfg = Config.fromfile(repo / f'configs/_base_/datasets/{base}_data.py')
    dataset = cfg[f'{split}_dataloader'].dataset
    dataset.update({k: str(v) if isinstance(v, Path) else v for k, v in kwargs.items()})
    return DATASETS.build(dataset)


FILES = {
    # annotations: (base config, classes, (videos, segments) of training, of validation)
    'thumos14/thumos_14_anno.json': (
        'thumos14_i3d',
        'thumos14/category_idx.txt',
        (200, 3007),
        (213, 3358),
    ),
    'thumos14/thumos14_actionformer_style.json': (
        'thumos14_i3d',
        'thumos14/category_idx.txt',
        (200, 3007),
        (212, 3358),
    ),
    'multithumos/multithumos_actionformer_style.json': (
        'multithumos_i3d',
        'multithumos/category_idx.txt',
        (200, 18482),
        (212, 20186),
    ),
}


@pytest.mark.parametrize('ann_file', FILES)
def test_thumos_at_full_size(repo, shared_data, thumos, ann_file):
    base, classes, train_counts, test_counts = FILES[ann_file]
    settings = dict(
        ann_file=shared_data / ann_file,
        class_file=shared_data / classes,
        data_prefix=dict(feats=str(thumos)),
    )
    train, test = (build(repo, base, split, **settings) for split in ('train', 'test'))
    for dataset, counts in ((train, train_counts), (test, test_counts)):
        labels = [len(dataset.get_data_info(i)['labels']) for i in range(len(dataset))]
        assert (len(dataset), sum(labels)) == counts
    assert len(train.metainfo['classes']) == (65 if 'multi' in base else 20)
    assert test.metainfo == train.metainfo
    longest, without = 0, 0
    for i in range(len(train)):
        sample = train[i]
        segments = sample['data_samples'].gt_instances.segments
        length = len(sample['inputs'])
        longest = max(longest, length)
        without += len(segments) == 0
        if length == 2304:
            assert (segments >= 0).all() and (segments <= length).all()
    assert longest == 2304
    assert without <= 2, 'nearly every crop finds a segment within 200 tries'
    assert max(len(test[i]['inputs']) for i in range(len(test))) > 2304, 'tested as a whole'


def test_thumos_subset_names(repo, shared_data, thumos):
    def subsets(ann_file, wanted):
        dataset = build(
            repo,
            'thumos14_i3d',
            'test',
            ann_file=shared_data / 'thumos14' / ann_file,
            class_file=shared_data / 'thumos14/category_idx.txt',
            subset=wanted,
            data_prefix=dict(feats=str(thumos)),
        )
        return {dataset.get_data_info(i)['video_id'].split('_')[1] for i in range(len(dataset))}

    for file in ('thumos_14_anno.json', 'thumos14_actionformer_style.json'):
        assert subsets(file, 'training') == {'validation'}, 'the challenge trains on its validation'
        assert subsets(file, 'validation') == subsets(file, 'test') == {'test'}


def test_thumos_time_base(repo, shared_data, thumos):
    """Frames by the share of the video; a segment of the first test video worked by hand."""
    folder = shared_data / 'thumos14'
    dataset = build(
        repo,
        'thumos14_i3d',
        'test',
        ann_file=folder / 'thumos_14_anno.json',
        class_file=folder / 'category_idx.txt',
        data_prefix=dict(feats=str(thumos)),
    )
    info = dataset.get_data_info(0)
    assert (info['video_id'], info['num_frames'], info['duration']) == (
        'video_test_0000004',
        1012,
        33.733,
    )
    grid = SegmentsToGrid()(info)['segments_grid']
    # [0.2, 1.1] s -> frames int(6.0000...) = 6 and int(33.0003) = 33 -> (6 - 8) / 4, (33 - 8) / 4
    np.testing.assert_array_equal(grid[0], [-0.5, 6.25])


def test_epic_kitchens(repo, tmp_path):
    """Class and annotation files by target, 30 fps whatever the file says, .npz features."""
    folder = tmp_path / 'features'
    (tmp_path / 'annotations').mkdir()
    folder.mkdir()
    np.savez(folder / 'P01_01.npz', feats=np.zeros((100, 6), np.float32))
    annotations = [dict(label='tap', segment=[1, 2.05]), dict(label='tap', segment=[3, 3.01])]
    database = dict(P01_01=dict(subset='train', duration=55.0, fps=59.94, annotations=annotations))
    (tmp_path / 'annotations/epic_noun.json').write_text(json.dumps(dict(database=database)))
    (tmp_path / 'annotations/noun_classes.txt').write_text('spoon\ntap\n')
    dataset = DATASETS.build(
        dict(
            type='EpicKitchens100Dataset',
            target='noun',
            subset='train',
            data_root=str(tmp_path),
            pipeline=[
                dict(type='LoadFeatures'),
                dict(type='SegmentsToGrid'),
                dict(type='PackTALInputs'),
            ],
        )
    )
    sample = dataset[0]
    assert sample['inputs'].shape == (100, 6)
    # frames 30 and int(61.5); the second segment has no frame
    assert sample['data_samples'].gt_instances.segments.tolist() == [[14 / 16, 45 / 16]]
    assert sample['data_samples'].gt_instances.labels.tolist() == [1]
    assert sample['data_samples'].metainfo['fps'] == 30
    with pytest.raises(ValueError, match="target must be 'verb' or 'noun'"):
        DATASETS.build(dict(type='EpicKitchens100Dataset', target='action', subset='train'))


@pytest.mark.parametrize('base', BASES)
@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_configs_say_what_is_missing(repo, base, split, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        build(repo, base, split)
    message = str(caught.value)
    assert message.startswith('data/') and 'annotation file not found' in message
    assert 'Put the' in message or 'tools/data/' in message


@pytest.mark.parametrize('base', BASES)
def test_configs_agree_between_splits(repo, base):
    cfg = Config.fromfile(repo / f'configs/_base_/datasets/{base}_data.py')
    same = ('type', 'data_root', 'ann_file', 'class_file', 'data_prefix')
    train, val, test = (cfg[f'{split}_dataloader'].dataset for split in ('train', 'val', 'test'))
    assert [train[key] for key in same] == [val[key] for key in same]
    assert val == test and val.test_mode and train.subset != val.subset
    assert cfg.val_evaluator == cfg.test_evaluator
