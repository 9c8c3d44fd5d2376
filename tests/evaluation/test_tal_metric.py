# SPDX-License-Identifier: Apache-2.0
"""TALMetric: numbers, inputs, distributed use, files and errors."""

import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.distributed
from mmaction.registry import METRICS
from mmaction.structures import ActionDataSample
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData

from tmx_plugin.errors import ConfigError
from tmx_plugin.evaluation import TALMetric, average_precision
from tmx_plugin.evaluation.functional import tables_from_activitynet
from tmx_plugin.exporters import read_activitynet

CLASSES = ('run', 'jump', 'never')
TIOUS = [0.3, 0.5, 0.7]


def sample_of(
    video, gt=((0.0, 10.0),), gt_labels=(0,), segments=((0.0, 10.0),), scores=(0.9,), labels=(0,)
):
    sample = ActionDataSample()
    sample.set_metainfo(
        dict(
            video_id=video,
            gt_segments_sec=np.array(gt, np.float64).reshape(-1, 2),
            gt_segment_labels=np.array(gt_labels, np.int64),
        )
    )
    sample.pred_instances = InstanceData(
        segments=torch.tensor(segments, dtype=torch.float32).reshape(-1, 2),
        scores=torch.tensor(scores, dtype=torch.float32),
        labels=torch.tensor(labels, dtype=torch.int64),
    )
    return sample


def random_samples(n=7, seed=0):
    rng = np.random.default_rng(seed)
    samples = []
    for i in range(n):
        gt = np.sort(rng.uniform(0, 60, (rng.integers(0, 9), 2)))
        pred = np.sort(rng.uniform(0, 60, (30, 2)))
        pred[: len(gt)] = gt + rng.normal(0, 0.5, gt.shape)
        samples.append(
            sample_of(
                f'v{i}',
                gt,
                rng.integers(0, 2, len(gt)),
                pred,
                rng.random(30).round(1),
                rng.integers(0, 3, 30),
            )
        )
    return samples


def evaluate(samples, classes=CLASSES, batch=2, **kwargs):
    metric = METRICS.build(dict(type='TALMetric', **{'tiou_thresholds': TIOUS, **kwargs}))
    metric.dataset_meta = dict(classes=classes)
    for i in range(0, len(samples), batch):
        metric.process(None, samples[i : i + batch])
    return metric.evaluate(len(samples))


def test_names_types_and_percent():
    result = evaluate([sample_of('a'), sample_of('b', labels=[1])])
    assert list(result) == ['average_mAP', 'mAP@0.3', 'mAP@0.5', 'mAP@0.7']
    assert all(type(value) is float for value in result.values())
    assert result['mAP@0.5'] == result['average_mAP'] == 50.0
    result = evaluate(
        [sample_of('a')], recall_top_k=[1, 5], tiou_thresholds=np.linspace(0.5, 0.7, 3)
    )
    assert result['recall@0.5@1'] == result['recall@0.6@5'] == 100.0


def test_dicts_samples_and_batches_give_the_same():
    samples = random_samples()
    expected = evaluate(samples)
    assert 0 < expected['average_mAP'] < 100
    assert evaluate([sample.to_dict() for sample in samples], batch=7) == expected


def test_golden_predictions_through_the_metric(golden_dir):
    with gzip.open(golden_dir / 'map_s0.json.gz') as file:
        case = json.load(file)['cases'][0]
    database = case['ground_truth']['database']
    names = sorted(
        {a['label'] for v in database.values() for a in v['annotations']}
        | {p['label'] for v in case['predictions']['results'].values() for p in v}
    )
    samples = []
    for video, predictions in case['predictions']['results'].items():
        info = database.get(video, dict(subset='', annotations=[]))
        annotations = [
            a
            for a in info['annotations']
            if info['subset'] == case['subset'] and a['label'] != 'Ambiguous'
        ]
        samples.append(
            sample_of(
                video,
                [a['segment'] for a in annotations],
                [names.index(a['label']) for a in annotations],
                [p['segment'] for p in predictions],
                [p['score'] for p in predictions],
                [names.index(p['label']) for p in predictions],
            )
        )
        # The reference had float64 numbers.
        samples[-1].pred_instances.scores = torch.tensor(
            [p['score'] for p in predictions], dtype=torch.float64
        )
        samples[-1].pred_instances.segments = torch.tensor(
            [p['segment'] for p in predictions], dtype=torch.float64
        )
    result = evaluate(samples, names, tiou_thresholds=case['tious'], round_results=False)
    assert result == pytest.approx(
        {key: 100 * value for key, value in case['metric_dict'].items()}, abs=1e-9
    )


def test_rounding_is_that_of_the_written_file(tmp_path):
    samples = random_samples(3)
    out_file = tmp_path / 'deep' / 'predictions.json'
    result = evaluate(samples, out_file=str(out_file))
    written = read_activitynet(out_file)
    assert list(written) == ['v0', 'v1', 'v2']
    segments = samples[1].pred_instances.segments.double().tolist()
    assert [item['segment'] for item in written['v1']] == [
        [round(x, 2) for x in segment] for segment in segments
    ]
    # Reading the file back and evaluating gives the very same numbers.
    database = {
        s.video_id: dict(
            subset='test',
            annotations=[
                dict(label=CLASSES[label], segment=segment.tolist())
                for segment, label in zip(s.gt_segments_sec, s.gt_segment_labels)
            ],
        )
        for s in samples
    }
    gt, det, _ = tables_from_activitynet(dict(database=database), dict(results=written), 'Test')
    ap = average_precision(gt, det, TIOUS)[1]
    assert result['average_mAP'] == pytest.approx(100 * ap.mean(), abs=1e-12)


def test_round_results_matters_at_the_threshold():
    sample = sample_of('a', gt=[[0, 10.0]], segments=[[0.0, 4.9961]])
    assert evaluate([sample], tiou_thresholds=[0.5])['mAP@0.5'] == 100.0
    assert evaluate([sample], tiou_thresholds=[0.5], round_results=False)['mAP@0.5'] == 0.0


def test_repeats_count_where_they_are_kept():
    samples = [sample_of('a', gt=((0.0, 10.0), (0.0, 10.0005)), gt_labels=(0, 0))]
    assert evaluate(samples)['average_mAP'] == 100
    assert evaluate(samples, keep_repeats=True)['average_mAP'] == 50


def test_class_table_and_path_are_logged(tmp_path, caplog):
    logger = MMLogger.get_instance('test_tal_metric')
    logger.addHandler(caplog.handler)
    evaluate(random_samples(), classwise=True, out_file=str(tmp_path / 'p.json'))
    logger.removeHandler(caplog.handler)
    assert 'run' in caplog.text and 'jump' in caplog.text and 'never' not in caplog.text
    assert str(tmp_path / 'p.json') in caplog.text


def run_rank(rank, world, store, out):
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{store}', rank=rank, world_size=world
    )
    samples = random_samples()
    metric = TALMetric(TIOUS, recall_top_k=[1])
    metric.dataset_meta = dict(classes=CLASSES)
    # As DefaultSampler does: round robin, the last round filled up from the start.
    order = (list(range(len(samples))) * 2)[: -(-len(samples) // world) * world]
    for i in order[rank::world]:
        metric.process(None, [samples[i].to_dict()])
    result = metric.evaluate(len(samples))
    with open(out, 'w') as file:
        json.dump(result, file)
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_give_the_very_same_numbers(tmp_path, repo):
    env = dict(os.environ, PYTHONPATH=str(repo), OMP_NUM_THREADS='1')
    ranks = [
        subprocess.Popen(
            [
                sys.executable,
                __file__,
                str(rank),
                '2',
                str(tmp_path / 'store'),
                str(tmp_path / f'{rank}.json'),
            ],
            env=env,
        )
        for rank in range(2)
    ]
    assert [rank.wait(120) for rank in ranks] == [0, 0]
    expected = evaluate(random_samples(), recall_top_k=[1])
    for rank in range(2):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == expected


def test_errors_say_what_is_wrong():
    empty = sample_of('a', gt=[], gt_labels=[])
    with pytest.raises(
        ValueError,
        match=r'no ground truth .*: 1 videos \(a\) .*the 3 classes '
        r'\(run, jump, never\)',
    ):
        evaluate([empty])
    with pytest.raises(ValueError, match="video 'a': expected to be evaluated once"):
        evaluate([sample_of('a'), sample_of('a')])
    with pytest.raises(ValueError, match="video 'b': expected finite numbers as predicted scores"):
        evaluate([sample_of('a'), sample_of('b', scores=[float('nan')])])
    with pytest.raises(ConfigError, match="video 'a'.*pred_instances not found"):
        evaluate([dict(video_id='a', gt_segments_sec=[], gt_segment_labels=[])])
    with pytest.raises(ValueError, match='tiou_thresholds'):
        TALMetric([0.0])
    with pytest.raises(ValueError, match='class names are needed'):
        evaluate([sample_of('a')], classes=None, classwise=True)


def test_videos_without_predictions_or_ground_truth():
    nothing = dict(segments=[], scores=[], labels=[])
    result = evaluate(
        [sample_of('a'), sample_of('b', **nothing), sample_of('c', gt=[], gt_labels=[], **nothing)]
    )
    assert result['average_mAP'] == 50.0
    assert evaluate([sample_of('a', **nothing)])['average_mAP'] == 0.0


if __name__ == '__main__':
    run_rank(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
