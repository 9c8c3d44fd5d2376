# SPDX-License-Identifier: Apache-2.0
import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from tmx_plugin.apis import TALInferencer, inference_localizer, init_localizer
from tmx_plugin.errors import ConfigError, DataError, LaunchError
from tmx_plugin.exporters import read_activitynet
from tmx_plugin.features.storage import write_features

CLASSES = ('run', 'jump', 'sit')
RECOGNIZER = Config(
    dict(
        model=dict(
            type='Recognizer2D',
            backbone=dict(
                type='ResNet',
                depth=18,
                num_stages=1,
                strides=(1,),
                dilations=(1,),
                out_indices=(0,),
            ),
            data_preprocessor=dict(type='ActionDataPreprocessor', format_shape='NCHW'),
        ),
        test_pipeline=[dict(type='Resize', scale=(16, 16), keep_ratio=False)],
    )
)


def make_config(channels=64, backbone=None, **dataset):
    return Config(
        dict(
            model=dict(
                type='TemporalMaxer',
                backbone=backbone,
                neck=dict(
                    type='TemporalMaxerNeck', in_channels=channels, out_channels=8, num_levels=3
                ),
                head=dict(
                    type='TemporalMaxerHead',
                    num_classes=3,
                    in_channels=8,
                    feat_channels=8,
                    prior_prob=0.3,
                    regression_ranges=[(0, 4), (4, 8), (8, 1000)],
                ),
                test_cfg=dict(max_seg_num=20),
            ),
            frame_pipeline=[dict(type='Resize', scale=(16, 16), keep_ratio=False)],
            test_dataloader=dict(
                dataset=dict(
                    type='TALDataset',
                    ann_file='none.json',
                    subset='test',
                    feature_stride=4,
                    offset_frames=8,
                    **dataset,
                )
            ),
        )
    )


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    model = init_localizer(make_config())
    with torch.no_grad():
        for parameter in model.parameters():  # offsets that are not all zero
            parameter.add_(0.05 * torch.rand_like(parameter))
    path = tmp_path_factory.mktemp('weights') / 'localizer.pth'
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(dataset_meta=dict(classes=CLASSES))), path
    )
    return str(path)


def write_video(path, count=40, fps=20):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), fps, (64, 48))
    for i in range(count):
        writer.write(np.full((48, 64, 3), 3 * i, dtype=np.uint8))
    writer.release()
    return path


def write_feature_file(path, length=30, seed=0, **info):
    features = np.random.default_rng(seed).normal(size=(length, 64)).astype(np.float32)
    write_features(
        path,
        features,
        dict(dict(fps=25, duration=6.0, stride=4, clip_len=16, length=length, channels=64), **info),
    )
    return features


def test_feature_file(checkpoint, tmp_path):
    features = write_feature_file(tmp_path / 'a.npy')
    inferencer = TALInferencer(make_config(), checkpoint, 'cpu', show_progress=False)
    result = inferencer(tmp_path / 'a.npy')
    found = result['predictions'][0]
    assert (found['video'], found['duration']) == ('a', 6.0) and result['failed'] == {}
    assert len(found['actions']) == 20 and found['actions'][0]['label'] in CLASSES
    expected = inference_localizer(
        init_localizer(make_config(), checkpoint),
        features,
        feature_stride=4,
        offset_frames=8,
        fps=25,
        duration=6.0,
    ).pred_instances
    np.testing.assert_allclose([each['segment'] for each in found['actions']], expected.segments)
    np.testing.assert_allclose([each['score'] for each in found['actions']], expected.scores)


def test_batches_folders_and_lists_give_the_same(checkpoint, tmp_path):
    for i, name in enumerate(('a', 'b', 'c')):
        write_feature_file(tmp_path / f'{name}.npy', length=20 + 7 * i, seed=i)
    inferencer = TALInferencer(make_config(), checkpoint, 'cpu', show_progress=False)
    alone = inferencer(tmp_path)['predictions']
    batched = inferencer([tmp_path / f'{name}.npy' for name in 'abc'], batch_size=2)['predictions']
    assert [each['video'] for each in batched] == ['a', 'b', 'c']
    for one, other in zip(alone, batched):
        np.testing.assert_allclose(
            [each['segment'] for each in one['actions']],
            [each['segment'] for each in other['actions']],
            atol=1e-3,
        )
    with pytest.raises(ValueError, match="would both be called 'a'"):
        inferencer([tmp_path / 'a.npy', tmp_path / 'a.npy'])


def test_a_second_run_into_a_folder_adds_replaces_or_stops(checkpoint, tmp_path):
    for name in 'ab':
        write_feature_file(tmp_path / f'{name}.npy')
    inferencer = TALInferencer(make_config(), checkpoint, 'cpu', show_progress=False)
    out = tmp_path / 'out'

    def run(name, **options):
        inferencer(tmp_path / f'{name}.npy', out_dir=out, formats=['csv'], **options)
        return sorted(read_activitynet(out / 'predictions.json'))

    assert run('a') == ['a']
    assert run('b') == ['a', 'b']
    assert {line.split(',')[0] for line in (out / 'predictions.csv').read_text().split()[1:]} == {
        'a',
        'b',
    }
    assert run('b', existing='replace') == ['b']
    with pytest.raises(DataError, match='predictions.json: exists'):
        run('a', existing='error')
    with pytest.raises(ConfigError, match="existing must be .* not 'x'"):
        run('a', existing='x')


def test_threshold_top_k_and_classes(checkpoint, tmp_path):
    write_feature_file(tmp_path / 'a.npy')
    inferencer = TALInferencer(make_config(), checkpoint, 'cpu', show_progress=False)
    every = inferencer(tmp_path / 'a.npy')['predictions'][0]['actions']
    middle = every[10]['score']
    some = inferencer(tmp_path / 'a.npy', score_thr=middle)['predictions'][0]['actions']
    assert some == [each for each in every if each['score'] >= middle]
    assert inferencer(tmp_path / 'a.npy', top_k=3)['predictions'][0]['actions'] == every[:3]
    label = every[-1]['label']
    only = inferencer(tmp_path / 'a.npy', only=[label])['predictions'][0]['actions']
    assert only and only == [each for each in every if each['label'] == label]
    with pytest.raises(ValueError, match="no class 'jmup'; did you mean jump"):
        inferencer(tmp_path / 'a.npy', only=['jmup'])


def test_video_through_a_recognizer_and_through_the_backbone(checkpoint, tmp_path):
    video = write_video(tmp_path / 'v.mp4')
    inferencer = TALInferencer(
        make_config(), checkpoint, 'cpu', recognizer=RECOGNIZER, show_progress=False
    )
    result = inferencer(video, out_dir=str(tmp_path / 'out'), return_datasamples=True)
    sample = result['predictions'][0]
    assert (sample.feat_len, sample.duration, sample.fps) == (7, 2.0, 20.0)
    assert list(read_activitynet(tmp_path / 'out' / 'predictions.json')) == ['v']

    inside = TALInferencer(
        make_config(backbone=dict(recognizer=RECOGNIZER.model, clip_len=16, stride=4)),
        checkpoint,
        'cpu',
        show_progress=False,
    )
    inside.model.backbone.load_state_dict(inferencer.pipeline.extractor.backbone.state_dict())
    other = inside(video, return_datasamples=True)['predictions'][0]
    torch.testing.assert_close(other.pred_instances.segments, sample.pred_instances.segments)


def test_videos_are_resampled_to_the_rate_of_the_features(checkpoint, tmp_path):
    inferencer = TALInferencer(
        make_config(fps=10), checkpoint, 'cpu', recognizer=RECOGNIZER, show_progress=False
    )
    sample = inferencer(write_video(tmp_path / 'v.mp4', count=80), return_datasamples=True)[
        'predictions'
    ][0]
    assert (sample.feat_len, sample.duration, sample.fps) == (7, 4.0, 10.0)


def test_pictures_and_every_format(checkpoint, tmp_path):
    video = write_video(tmp_path / 'v.mp4')
    inferencer = TALInferencer(
        make_config(), checkpoint, 'cpu', recognizer=RECOGNIZER, show_progress=False
    )
    out = tmp_path / 'out'
    result = inferencer(
        video,
        timeline=True,
        clip=True,
        vis_out_dir=str(out),
        vis_score_thr=0.01,
        out_dir=str(out),
        formats=['csv', 'srt', 'vtt', 'label-studio'],
        frame_rate=20,
    )
    assert result['visualization'][0].dtype == np.uint8 and result['visualization'][0].ndim == 3
    assert sorted(path.name for path in out.iterdir()) == [
        'predictions.csv',
        'predictions.json',
        'predictions.label-studio.json',
        'v.png',
        'v.preview.mp4',
        'v.srt',
        'v.vtt',
    ]
    preview = cv2.VideoCapture(str(out / 'v.preview.mp4'))
    assert preview.get(cv2.CAP_PROP_FRAME_COUNT) == 40 and preview.get(cv2.CAP_PROP_FPS) == 20


def test_broken_inputs(checkpoint, tmp_path):
    write_feature_file(tmp_path / 'good.npy')
    (tmp_path / 'bad.npy').write_bytes(b'no array')
    (tmp_path / 'bad.json').write_text(json.dumps(dict(fps=25, duration=6.0)))
    write_feature_file(tmp_path / 'other.npy', stride=8)
    write_feature_file(tmp_path / 'wide.npy')
    np.save(tmp_path / 'wide.npy', np.zeros((30, 65), dtype=np.float32))
    inferencer = TALInferencer(make_config(), checkpoint, 'cpu', show_progress=False)
    result = inferencer(tmp_path, skip_broken=True)
    assert [each['video'] for each in result['predictions']] == ['good']
    assert set(result['failed']) == {'bad', 'other', 'wide'}
    assert 'stride 8' in result['failed']['other']
    assert 'of 64 channels (neck.in_channels), these have 65' in result['failed']['wide']
    with pytest.raises(ValueError, match='bad.npy'):
        inferencer(tmp_path)


def test_what_cannot_be_drawn_is_written_all_the_same(checkpoint, tmp_path):
    write_feature_file(tmp_path / 'my video.npy')
    out = tmp_path / 'out'
    inferencer = TALInferencer(make_config(), checkpoint, 'cpu', show_progress=False)
    result = inferencer(
        tmp_path / 'my video.npy',
        skip_broken=True,
        clip=True,
        vis_out_dir=str(out),
        out_dir=str(out),
        formats=['srt'],
    )
    assert 'of videos only' in result['failed']['my video']
    assert sorted(path.name for path in out.iterdir()) == ['my video.srt', 'predictions.json']


def test_a_wrapped_test_set_says_the_same(checkpoint, tmp_path):
    write_feature_file(tmp_path / 'b.npy')
    plain, wrapped = make_config(), make_config()
    wrapped.test_dataloader.dataset = dict(
        type='RepeatDataset', times=2, dataset=plain.test_dataloader.dataset
    )
    found = [
        TALInferencer(cfg, checkpoint, 'cpu', show_progress=False)(tmp_path / 'b.npy')
        for cfg in (plain, wrapped)
    ]
    assert found[0]['predictions'] == found[1]['predictions']


def test_what_is_missing_is_named(checkpoint, tmp_path):
    inferencer = TALInferencer(make_config(), checkpoint, 'cpu', show_progress=False)
    with pytest.raises(ValueError, match='a video needs the recognizer'):
        inferencer(write_video(tmp_path / 'v.mp4'))
    np.save(tmp_path / 'a.npy', np.ones((30, 64), dtype=np.float32))
    with pytest.raises(ValueError, match='no side file a.json .* give fps'):
        inferencer(tmp_path / 'a.npy')
    write_feature_file(tmp_path / 'b.npy')
    with pytest.raises(ValueError, match='of videos only'):
        inferencer(tmp_path / 'b.npy', clip=True, vis_out_dir=str(tmp_path))
    with pytest.raises(ValueError, match='needs vis_out_dir'):
        inferencer(tmp_path / 'b.npy', clip=True)
    (tmp_path / 'list.txt').write_text('nowhere.npy')
    with pytest.raises(FileNotFoundError, match='nowhere.npy: no such file'):
        inferencer(tmp_path / 'list.txt')
    with pytest.raises(ValueError, match='fps must be positive, but is -1'):
        TALInferencer(make_config(), checkpoint, 'cpu', fps=-1)
    with pytest.raises(ValueError, match='knows 3 classes, but 2 names'):
        TALInferencer(make_config(), checkpoint, 'cpu', classes=['a', 'b'])
    with pytest.raises(ValueError, match='clips of 8 frames every 4'):
        TALInferencer(
            make_config(backbone=dict(recognizer=RECOGNIZER.model, clip_len=8)), checkpoint, 'cpu'
        )


def test_without_a_side_file_the_video_ends_with_its_last_clip(checkpoint, tmp_path):
    np.save(tmp_path / 'a.npy', np.ones((30, 64), dtype=np.float32))
    inferencer = TALInferencer(make_config(), checkpoint, 'cpu', fps=25, show_progress=False)
    assert inferencer(tmp_path / 'a.npy')['predictions'][0]['duration'] == (29 * 4 + 16) / 25


def test_class_names_come_from_the_class_file(tmp_path):
    (tmp_path / 'classes.txt').write_text('x\ny\nz\n')
    cfg = make_config(class_file=str(tmp_path / 'classes.txt'))
    assert TALInferencer(cfg, device='cpu').classes == ('x', 'y', 'z')
    assert TALInferencer(make_config(), device='cpu').classes == ('class 0', 'class 1', 'class 2')


def test_config_of_the_package_by_name():
    inferencer = TALInferencer('synthetic', device='cpu', show_progress=False)
    assert inferencer.model.neck.in_channels == 32
    with pytest.raises(LaunchError, match='no config nothing .*thumos_i3d'):
        TALInferencer('nothing')


def test_features_of_another_shape():
    with pytest.raises(ValueError, match=r'expected features \(T, C\), found shape \(2, 3, 4\)'):
        inference_localizer(
            init_localizer(make_config()),
            np.ones((2, 3, 4)),
            feature_stride=4,
            offset_frames=8,
            fps=25,
            duration=6,
        )


def test_init_localizer_takes_names_of_the_package():
    model = init_localizer('hapt_inertial')
    assert model.cfg.model.head.num_classes == 12
    with pytest.raises(LaunchError, match='no config absent .*known are .*hapt_inertial'):
        init_localizer('absent')
