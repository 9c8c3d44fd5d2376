# SPDX-License-Identifier: Apache-2.0
"""Fusing a verb and a noun model: the maths, the classes, and the tool."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmaction.registry import MODELS
from tool_modules import load_module

import tmx_plugin  # noqa: F401
from tmx_plugin.apis import epic_fusion
from tmx_plugin.apis.epic_fusion import action_detections, fuse_points, fuse_video, official_ids
from tmx_plugin.exporters import read_activitynet, validate_epic_submission
from tmx_plugin.models.task_modules import ClassPrior

MODEL = dict(
    type='TemporalMaxer',
    neck=dict(type='TemporalMaxerNeck', in_channels=8, out_channels=16, num_levels=3),
    head=dict(
        type='TemporalMaxerHead',
        num_classes=5,
        in_channels=16,
        feat_channels=16,
        regression_ranges=[(0, 4), (2, 8), (4, 10000)],
    ),
    test_cfg=dict(max_seg_num=50),
)
META = dict(feature_stride=16, offset_frames=16, fps=30, duration=20.0)


def small_model(num_classes, seed, **test_cfg):
    torch.manual_seed(seed)
    model = MODELS.build(
        dict(
            MODEL,
            head=dict(MODEL['head'], num_classes=num_classes, prior_prob=0.3),
            test_cfg=dict(MODEL['test_cfg'], **test_cfg),
        )
    ).eval()
    with torch.no_grad():
        model.head.cls_conv.weight.mul_(20)
        model.head.reg_conv.bias.fill_(1.0)
    return model


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 6),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.05, 0.4]),
    st.sampled_from([1, 7, 50, 10**4]),
    st.integers(1, 9),
    st.integers(0, 99),
)
def test_fuse_points_is_the_full_product(n, v, u, threshold, topk, chunk, seed):
    torch.manual_seed(seed)
    verbs, nouns, segments = torch.rand(n, v) ** 3, torch.rand(n, u) ** 3, torch.rand(n, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epic_fusion, 'CHUNK', chunk)
        found, scores, labels = fuse_points(verbs, nouns, segments, threshold=threshold, topk=topk)
    products = torch.einsum('nv,nu->nvu', verbs, nouns).flatten()
    expected = products[products > threshold].sort(descending=True).values[:topk]
    assert torch.equal(scores, expected)
    point = (found[:, None] == segments).all(-1).float().argmax(1)
    assert torch.equal(verbs[point, labels // u] * nouns[point, labels % u], scores)
    assert len({*zip(point.tolist(), labels.tolist())}) == len(scores)


def test_fuse_video_without_suppression():
    """With a suppression that does nothing, the results are the products themselves."""
    options = dict(sigma=1e12, pre_nms_topk=40, max_seg_num=40, min_score=0.0)
    verb, noun = small_model(4, 0, **options), small_model(3, 1, **options)
    inputs = torch.randn(1, 8, 21)
    segments, scores, labels = fuse_video(
        verb, noun, inputs, META, verb_weight=2.0, noun_weight=0.5
    )
    with torch.no_grad():
        (a, da, _), (b, db, _) = verb(inputs), noun(inputs)
    points = [(i * 2**level, 2**level) for level in range(3) for i in range(a[level].shape[-1])]
    a, b, da, db = (torch.cat(x, -1)[0] for x in (a, b, da, db))
    every = []
    for n, (t, stride) in enumerate(points):
        both = [[t - d[0, n] * stride, t + d[1, n] * stride] for d in (da, db)]
        grid = 0.8 * torch.tensor(both[0]) + 0.2 * torch.tensor(both[1])
        seconds = ((grid * 16 + 16) / 30).clip(0, 20.0)
        for i in range(4):
            for j in range(3):
                score = a[i, n].sigmoid() ** 2 * b[j, n].sigmoid() ** 0.5
                every.append((float(score), i * 3 + j, *seconds.tolist()))
    every = np.array(sorted(every, reverse=True)[:40])
    np.testing.assert_allclose(scores, every[:, 0], rtol=1e-5)
    assert labels.tolist() == every[:, 1].tolist()
    np.testing.assert_allclose(segments, every[:, 2:], atol=1e-4)


def test_a_sure_verb_model_leaves_the_noun_model_alone():
    """One verb of score 1 and vanishing weight gives what the noun model predicts by itself."""
    noun = small_model(5, 1, per_level=True, min_len=0.05)
    verb = small_model(1, 2)
    with torch.no_grad():
        verb.head.cls_conv.bias.fill_(1e4)
    inputs = torch.randn(1, 8, 37)
    segments, scores, labels = fuse_video(verb, noun, inputs, META, verb_weight=1e-9)
    from mmaction.structures import ActionDataSample

    sample = ActionDataSample(metainfo=META)
    expected = noun(inputs, [sample], mode='predict')[0].pred_instances
    assert torch.equal(labels, expected.labels)
    torch.testing.assert_close(scores, expected.scores)
    torch.testing.assert_close(segments, expected.segments, atol=1e-5, rtol=1e-5)


def test_fuse_video_errors():
    model = small_model(2, 0)
    with pytest.raises(ValueError, match='weights must be positive'):
        fuse_video(model, model, torch.zeros(1, 8, 4), META, verb_weight=0)
    other = small_model(2, 0)
    other.head.strides = [1, 2]
    with pytest.raises(ValueError, match='points of the two models do not coincide'):
        fuse_video(model, other, torch.zeros(1, 8, 4), META)


def test_official_ids(shared_data):
    assert official_ids(97, 'verb') == list(range(97))
    assert official_ids(300, 'noun') == list(range(300))
    nouns = official_ids(293, 'noun')
    assert len(nouns) == 293 and 270 not in nouns and nouns[-1] == 299
    csv = shared_data / 'epic100' / 'EPIC_100_noun_classes.csv'
    assert official_ids(3, 'noun', ['plate', 'tap', 'spoon'], csv) == [2, 0, 1]
    with pytest.raises(ValueError, match='expected the 3 nouns .* names 2 and of these it lacks 1'):
        official_ids(3, 'noun', ['plate', 'unicorn'], csv)
    with pytest.raises(ValueError, match=r'verb model with 5 classes \(expected 97\)'):
        official_ids(5, 'verb')


def test_action_detections_drop_what_rounds_to_nothing():
    items = action_detections(
        torch.tensor([[0.0, 1.234567], [2.0, 2.001]]),
        torch.tensor([0.5, 0.25]),
        torch.tensor([5, 1]),
        [10, 11],
        [20, 21, 22],
    )
    assert items == [dict(label='11,22', score=0.5, segment=[0.0, 1.23])]


# ------------------------------------------------------------------------------------------- tool
CONFIG = """
custom_imports = dict(imports=['tmx_plugin'], allow_failed_imports=False)
model = dict(
    type='TemporalMaxer',
    neck=dict(type='TemporalMaxerNeck', in_channels=8, out_channels=16, num_levels=3),
    head=dict(type='TemporalMaxerHead', num_classes={classes}, in_channels=16, feat_channels=16,
              prior_prob=0.3, regression_ranges=[(0, 4), (2, 8), (4, 10000)]),
    test_cfg=dict(max_seg_num=30))
test_dataloader = dict(dataset=dict(
    type='EpicKitchens100Dataset', target='{target}', data_root={root!r}, subset='val',
    data_prefix=dict(feats='{features}'), feature_suffix='.npy', test_mode=True,
    pipeline=[dict(type='LoadFeatures'), dict(type='PackTALInputs')]))
"""


@pytest.fixture(scope='module')
def tool(repo):
    path = repo / 'tools' / 'convert' / 'fuse_epic.py'
    return load_module(path)


@pytest.fixture
def epic_root(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / 'features').mkdir()
    (tmp_path / 'annotations').mkdir()
    labels = dict(
        verb=[f'verb{i}' for i in range(97)],
        noun=[f'noun{i}' for i in range(293)],
        action=['0,1', '96,299'],
    )
    for target, names in labels.items():
        database = {}
        for video, length in (('P01_11', 30), ('P02_101', 45)):
            np.save(
                tmp_path / 'features' / f'{video}.npy',
                rng.standard_normal((length, 8)).astype(np.float32),
            )
            database[video] = dict(
                subset='val',
                duration=(16 * length + 16) / 30,
                fps=30.0,
                annotations=[
                    dict(label=names[0], segment=[1.0, 4.0]),
                    dict(label=names[-1], segment=[5.0, 9.0]),
                ],
            )
        (tmp_path / 'annotations' / f'epic_{target}.json').write_text(
            json.dumps(dict(database=database))
        )
        (tmp_path / 'annotations' / f'{target}_classes.txt').write_text('\n'.join(names) + '\n')
    for target, seed in (('verb', 0), ('noun', 1)):
        (tmp_path / f'{target}.py').write_text(
            CONFIG.format(
                classes=len(labels[target]), target=target, root=str(tmp_path), features='features'
            )
        )
        torch.save(
            dict(state_dict=small_model(len(labels[target]), seed).state_dict()),
            tmp_path / f'{target}.pth',
        )
    return tmp_path


def arguments(root):
    return [
        x
        for target in ('verb', 'noun')
        for x in (f'--{target}', str(root / f'{target}.py'), str(root / f'{target}.pth'))
    ]


def test_tool_writes_detections_submission_and_map(tool, epic_root, capsys):
    out, submission = epic_root / 'out' / 'actions.json', epic_root / 'submission.json'
    assert (
        tool.main(
            [
                *arguments(epic_root),
                '--out',
                str(out),
                '--submission',
                str(submission),
                '--sls',
                '2',
                '3',
                '4',
                '--ann',
                str(epic_root / 'annotations' / 'epic_action.json'),
                '--device',
                'cpu',
                '--verb-weight',
                '0.5',
            ]
        )
        == 0
    )
    content = json.loads(submission.read_text())
    validate_epic_submission(content)
    assert (content['sls_pt'], content['sls_tl'], content['sls_td']) == (2, 3, 4)
    detections = read_activitynet(out)
    assert list(detections) == list(content['results']) == ['P01_11', 'P02_101']
    for video, items in detections.items():
        assert 0 < len(items) <= 30
        assert [(item['label'], item['score'], item['segment']) for item in items] == [
            (item['action'], item['score'], item['segment']) for item in content['results'][video]
        ]
    printed = capsys.readouterr().out
    assert all(word in printed for word in ('verb', 'noun', 'action', '@0.5', 'mean'))


def test_tool_says_that_it_leaves_out_class_priors(tool, epic_root, capsys):
    def fuse(name):
        out = epic_root / name
        assert tool.main([*arguments(epic_root), '--out', str(out), '--device', 'cpu']) == 0
        return out.read_text(), capsys.readouterr().err

    config = epic_root / 'verb.py'
    without, said = fuse('without.json')
    assert 'class prior' not in said
    with open(config, 'a') as file:
        file.write("model['head']['class_prior'] = dict(type='ClassPrior')\n")
    model = small_model(97, 0)
    model.head.class_prior = ClassPrior(num_labels=97)
    model.head.class_prior.count_weights.uniform_(1, 2)
    torch.save(dict(state_dict=model.state_dict()), epic_root / 'verb.pth')
    found, said = fuse('with.json')
    assert found == without
    sentence = f'{config}: its class prior is not used: it is of verbs, and not of actions'
    assert sentence in said.splitlines()


def test_tool_evaluates_what_was_detected(tool, tmp_path, capsys):
    path = tmp_path / 'action.json'
    path.write_text(
        json.dumps(
            dict(
                database=dict(
                    P01_11=dict(
                        subset='val',
                        duration=40,
                        annotations=[
                            dict(label='3,7', segment=[0, 10]),
                            dict(label='3,8', segment=[20, 30]),
                        ],
                    ),
                    P01_12=dict(
                        subset='train',
                        duration=40,
                        annotations=[dict(label='3,7', segment=[0, 10])],
                    ),
                )
            )
        )
    )
    with pytest.raises(ValueError, match="action.json: expected the subset 'test', found"):
        tool.read_subset(path, 'test')
    detections = dict(
        P01_11=[
            dict(label='3,7', score=0.9, segment=[0, 10]),
            dict(label='3,9', score=0.8, segment=[20, 30]),
        ]
    )
    tool.evaluate(detections, tool.read_subset(path, 'validation'))
    rows = {
        line.split()[1]: line.split()[-2]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith('│')
    }
    assert rows == dict(verb='100.00', noun='50.00', action='50.00')


def test_tool_refuses_other_features(tool, epic_root, capsys):
    (epic_root / 'features2').symlink_to(epic_root / 'features')
    (epic_root / 'verb.py').write_text(
        CONFIG.format(classes=97, target='verb', root=str(epic_root), features='features2')
    )
    assert tool.main([*arguments(epic_root), '--out', str(epic_root / 'x.json')]) == 1
    assert 'must take the same features, but data_prefix' in capsys.readouterr().err


@pytest.mark.parametrize(
    'extra, message',
    [
        ([], 'nothing to do'),
        (['--submission', 'x.json'], '--submission needs --sls'),
        (['--out', 'x.json', '--noun-weight', '0'], '--noun-weight must be positive'),
    ],
)
def test_tool_options(tool, capsys, extra, message):
    with pytest.raises(SystemExit):
        tool.main(['--verb', 'a', 'b', '--noun', 'c', 'd', *extra])
    assert message in capsys.readouterr().err
