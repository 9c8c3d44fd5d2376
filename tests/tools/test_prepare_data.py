# SPDX-License-Identifier: Apache-2.0
"""The tools that write data sets: HAPT from its archive, and the synthetic one."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tool_modules import load_module


def load_tool(repo, name):
    return load_module(repo / f'tools/data/{name}.py')


@pytest.fixture(scope='module')
def hapt(repo):
    return load_tool(repo, 'prepare_hapt')


@pytest.fixture(scope='module')
def synthetic(repo):
    return load_tool(repo, 'make_synthetic')


def table(array, fmt):
    buffer = io.StringIO()
    np.savetxt(buffer, array, fmt=fmt)
    return buffer.getvalue()


SIGNAL = np.arange(130 * 3).reshape(130, 3)
TINY = {
    # person 2 is a test person; recording 3 is of person 2
    'HAPT Data Set/RawData/acc_exp01_user01.txt': table(SIGNAL, '%d'),
    'HAPT Data Set/RawData/gyro_exp01_user01.txt': table(-SIGNAL, '%d'),
    'HAPT Data Set/RawData/acc_exp03_user02.txt': table(SIGNAL[:50], '%d'),
    'HAPT Data Set/RawData/gyro_exp03_user02.txt': table(SIGNAL[:50], '%d'),
    'HAPT Data Set/RawData/labels.txt': '1 1 2 1 50\n1 1 1 51 130\n3 2 1 26 50\n',
    'HAPT Data Set/activity_labels.txt': '1 WALKING   \n2 SITTING\n',
    'HAPT Data Set/Test/subject_id_test.txt': '2\n2\n',
    '__MACOSX/HAPT Data Set/RawData/._labels.txt': 'x',
}


def write_folder(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def write_zip(path, files):
    with zipfile.ZipFile(path, 'w') as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def read_json(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize('kind', ['zip', 'folder'])
def test_hapt_worked_by_hand(hapt, tmp_path, kind, capsys):
    source = (
        write_zip(tmp_path / 'hapt.zip', TINY)
        if kind == 'zip'
        else write_folder(tmp_path / 'un packed', TINY)
    )
    out = tmp_path / 'out'
    assert hapt.main([str(source), str(out)]) == 0
    features = np.load(out / 'features/exp01_user01.npy')
    # windows start at samples 0, 25, 50 and 75 of 130; the next one would end at 150
    assert features.shape == (4, 300) and features.dtype == np.float32
    np.testing.assert_array_equal(features[1, :6], [75, 76, 77, -75, -76, -77])
    np.testing.assert_array_equal(features[1, 6:9], [78, 79, 80])
    assert np.load(out / 'features/exp03_user02.npy').shape == (1, 300)
    assert (out / 'annotations/classes.txt').read_text() == 'WALKING\nSITTING\n'
    database = read_json(out / 'annotations/hapt.json')['database']
    assert database['exp01_user01'] == dict(
        subset='training',
        duration=2.6,
        frame=130,
        fps=50,
        annotations=[
            dict(label='SITTING', segment=[0, 1]),
            dict(label='WALKING', segment=[1, 2.6]),
        ],
    )
    assert database['exp03_user02']['subset'] == 'validation'
    assert database['exp03_user02']['annotations'] == [dict(label='WALKING', segment=[0.5, 1])]
    assert 'training: 1 recordings, 2 segments' in capsys.readouterr().out


BROKEN = {
    'no recordings': ({'readme.txt': ''}, 'expected recordings acc_expNN_userNN.txt, found none'),
    'no labels': (
        {k: v for k, v in TINY.items() if 'labels.txt' not in k},
        'expected a file activity_labels.txt',
    ),
    'no gyroscope': (
        {k: v for k, v in TINY.items() if 'gyro_exp01' not in k},
        'expected a file gyro_exp01_user01.txt',
    ),
    'lengths': (
        {**TINY, 'HAPT Data Set/RawData/gyro_exp01_user01.txt': '1 2 3\n'},
        'acc_exp01_user01.txt: expected as many samples .* found 130 and 1',
    ),
    'columns': (
        {**TINY, 'HAPT Data Set/RawData/acc_exp01_user01.txt': '1 2\n'},
        'acc_exp01_user01.txt: expected 3 columns, found 2',
    ),
    'words': (
        {**TINY, 'HAPT Data Set/RawData/acc_exp01_user01.txt': 'a b c\n'},
        'acc_exp01_user01.txt: expected numbers',
    ),
    'too short': (
        {k: table(SIGNAL[:49], '%d') if 'exp03' in k else v for k, v in TINY.items()},
        'acc_exp03_user02.txt: expected at least 50 samples, found 49',
    ),
    'classes': (
        {**TINY, 'HAPT Data Set/activity_labels.txt': '2 SITTING\n'},
        'activity_labels.txt: expected lines',
    ),
    'activity': (
        {**TINY, 'HAPT Data Set/RawData/labels.txt': '1 1 3 1 50\n'},
        'labels.txt: expected activities 1 to 2, found 3',
    ),
}


@pytest.mark.parametrize('files, message', BROKEN.values(), ids=BROKEN)
def test_hapt_refuses_other_archives(hapt, tmp_path, files, message):
    with pytest.raises(ValueError, match=message):
        hapt.prepare(write_zip(tmp_path / 'hapt.zip', files), tmp_path / 'out')
    assert not (tmp_path / 'out/annotations').exists(), 'annotations come last'


def test_hapt_says_what_is_wrong_in_one_line(hapt, tmp_path, capsys):
    for source in (tmp_path / 'nothing.zip', write_folder(tmp_path, {'x.zip': 'no zip'}) / 'x.zip'):
        assert hapt.main([str(source), str(tmp_path / 'out')]) == 1
        error = capsys.readouterr().err
        assert 'expected the HAPT zip file or its unpacked folder' in error
        assert error.count('\n') == 1


@pytest.mark.slow
def test_hapt_for_real(hapt, shared_data, tmp_path):
    hapt.prepare(shared_data / 'hapt/hapt.zip', tmp_path)
    database = read_json(tmp_path / 'annotations/hapt.json')['database']
    for subset, recordings, segments in (('training', 42, 849), ('validation', 19, 365)):
        videos = [x for x in database.values() if x['subset'] == subset]
        assert len(videos) == recordings
        assert sum(len(x['annotations']) for x in videos) == segments
    persons = {
        s: {n[-2:] for n, x in database.items() if x['subset'] == s}
        for s in ('training', 'validation')
    }
    assert len(persons['training']) == 21 and len(persons['validation']) == 9
    assert not persons['training'] & persons['validation']
    assert len((tmp_path / 'annotations/classes.txt').read_text().split()) == 12
    for name, entry in database.items():
        features = np.load(tmp_path / f'features/{name}.npy')
        assert features.shape == ((entry['frame'] - 50) // 25 + 1, 300)
        assert features.dtype == np.float32 and np.isfinite(features).all()
        assert all(
            0 <= a['segment'][0] < a['segment'][1] <= entry['duration']
            for a in entry['annotations']
        )


# ------------------------------------------------------------------ synthetic
def test_synthetic(synthetic, tmp_path):
    synthetic.main([str(tmp_path), '--num-train', '12', '--num-val', '4', '--seed', '3'])
    database = read_json(tmp_path / 'annotations/synthetic.json')['database']
    classes = (tmp_path / 'annotations/classes.txt').read_text().split()
    assert [x['subset'] for x in database.values()] == ['training'] * 12 + ['validation'] * 4
    assert {a['label'] for x in database.values() for a in x['annotations']} == set(classes)
    overlaps = 0
    for name, entry in database.items():
        features = np.load(tmp_path / f'features/{name}.npy')
        assert features.shape[1] == 32 and features.dtype == np.float32
        assert entry['duration'] == ((len(features) - 1) * 8 + 16) / 32
        segments = sorted(a['segment'] for a in entry['annotations'])
        assert all(0 <= s < e <= entry['duration'] for s, e in segments)
        overlaps += any(b[0] < a[1] for a, b in zip(segments, segments[1:]))
        covered = np.zeros(1000)
        for start, end in segments:
            low, high = (round(1000 * t / entry['duration']) for t in (start, end))
            covered[low:high] = 1
        longest = max(len(run) for run in ''.join(map(str, covered.astype(int))).split('1'))
        assert longest >= 240, 'a quarter of a sequence stays empty'
    assert overlaps >= 8


def test_synthetic_is_seeded(synthetic, tmp_path):
    for folder, seed in (('a', 0), ('b', 0), ('c', 1)):
        synthetic.make_dataset(tmp_path / folder, seed=seed, num_train=2, num_val=1)
    contents = [
        {p.relative_to(tmp_path / folder): p.read_bytes() for p in (tmp_path / folder).rglob('*.*')}
        for folder in 'abc'
    ]
    assert len(contents[0]) == 5 and contents[0] == contents[1]
    assert contents[0].keys() == contents[2].keys()
    name = Path('features/train_0000.npy')
    assert contents[0][name] != contents[2][name]


def test_synthetic_refuses_nonsense(synthetic, tmp_path, capsys):
    for option in ('--seed', '--num-train', '--num-val'):
        with pytest.raises(SystemExit):
            synthetic.main([str(tmp_path), option, '-1'])
    assert 'must not be negative' in capsys.readouterr().err
