# SPDX-License-Identifier: Apache-2.0
"""Odd files, names and options: refused, shortened or used, with the words of it."""

import csv
import json
import os
import time
from pathlib import Path

import pytest

from tmx_plugin.datasets.formats.fields import read_rows
from tmx_plugin.errors import DataError, MissingFileError
from tmx_plugin.exporters import export, write_csv, write_srt, write_vtt
from tmx_plugin.exporters.activitynet import read_activitynet
from tmx_plugin.utils.files import file_name
from tmx_plugin.utils.text_files import read_json, read_text

NAN, INF = float('nan'), float('inf')


def detection(label='run', segment=(1.0, 2.0), score=0.5):
    return dict(label=label, segment=list(segment), score=score)


# ------------------------------------------------------------------------------- what is written
@pytest.mark.parametrize('name', ['=1+1', '+1', '-1', '@x', '\tx', '  =1', '=HYPERLINK("a,b")'])
def test_csv_cells_are_no_formulas_and_come_back(tmp_path, name):
    path = write_csv({name: [detection(name)]}, tmp_path / 'x.csv')
    row = list(csv.DictReader(path.open(newline='')))[0]
    assert row['video'] == row['label'] == f"'{name}"
    ((_, read),) = read_rows(path, ['video', 'start', 'end', 'label'])
    assert read['label'] == name and float(read['start']) == 1


@pytest.mark.parametrize(
    'label, written',
    [
        ('a --> b', 'a -> b'),
        ('a ----> b', 'a -> b'),
        ('a\nb\r\nc', 'a b c'),
        ('a\x00\x1b[0m', 'a [0m'),
        ('a\u2028b', 'a b'),
        ('\n', '(no label)'),
        ('\ud800x', '\ufffdx'),
    ],
)
def test_labels_of_subtitles_stay_in_their_cue(tmp_path, label, written):
    lines = write_srt([detection(label)], tmp_path / 'x.srt').read_text('utf-8').splitlines()
    assert lines == ['1', '00:00:01,000 --> 00:00:02,000', f'{written} 0.50', '']
    lines = write_vtt([detection(label)], tmp_path / 'x.vtt').read_text('utf-8').splitlines()
    assert lines[3:] == [f'{written} 0.50'.replace('>', '&gt;'), '']


@pytest.mark.parametrize('format', ['activitynet', 'csv', 'srt', 'vtt', 'label-studio'])
@pytest.mark.parametrize(
    'changes', [dict(score=NAN), dict(score=-INF), dict(segment=(0, INF)), dict(segment=(NAN, 1))]
)
def test_no_exporter_writes_what_is_not_finite(tmp_path, format, changes):
    options = dict(frame_rate=25) if format == 'label-studio' else {}
    with pytest.raises(
        DataError, match="video 'v': expected finite times and score in detection 1, found"
    ):
        export({'v': [detection(), detection(**changes)]}, tmp_path, format, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('format', ['activitynet', 'csv', 'srt', 'vtt', 'label-studio'])
def test_lone_surrogates_and_long_names_can_be_written(tmp_path, format):
    options = dict(frame_rate=25) if format == 'label-studio' else {}
    name = 'v\udc80' + 'n' * 5000
    (path,) = export({name: [detection('l\ud800' * 5000)]}, tmp_path, format, **options)
    assert path.is_file() and path.read_bytes().decode('utf-8')


def test_names_longer_than_a_file_may_have_get_a_hash():
    names = [prefix + 'x' * 3000 + end for prefix in ('', 'é') for end in ('', '1', '2')]
    stems = [file_name(name) for name in names]
    assert len(set(stems)) == len(names)
    assert all(len(f'{stem}.label-studio.json'.encode()) <= 255 for stem in stems)
    assert stems[0][:187] == 'x' * 187 and file_name('x' * 200) == 'x' * 200


# ---------------------------------------------------------------------------------- what is read
def test_tables_with_open_quotes_nul_and_long_fields(tmp_path):
    path = tmp_path / 'x.csv'
    header = 'video,start,end,label\n'
    for content, words in (
        ('a,1,2,"run\nb,1,2,run\n', 'expected a row of a csv file, found unexpected end of data'),
        ('a,1,2,ru\0n\n', 'expected text in UTF-8, found byte 0x00 at position 30'),
        (f'a,1,2,{"x" * 200_000}\n', 'expected a row of a csv file, found field larger than'),
    ):
        path.write_text(header + content)
        with pytest.raises(DataError, match=words):
            read_rows(path, ['video', 'start', 'end', 'label'])
    path.write_text('x' * 200_000 + '\n')
    with pytest.raises(DataError, match='field larger than field limit'):
        read_rows(path, ['video'])


def test_a_duplicate_among_60000_videos_is_found_at_once(tmp_path):
    path = tmp_path / 'x.json'
    path.write_text('{' + ','.join(f'"v{i}": 1' for i in range(60_000)) + ', "v59999": 2}')
    start = time.perf_counter()
    with pytest.raises(DataError, match="each key once in an object, found 'v59999' twice"):
        read_json(path)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    'content', ['9' * 5000, '[' * 100_000, '{"a":' * 50_000, '\ufeff', '{"a"', '\0', 'NaN x']
)
def test_odd_json(tmp_path, content):
    path = tmp_path / 'x.json'
    path.write_text(content)
    with pytest.raises(DataError, match='x.json: expected'):
        read_json(path)


@pytest.mark.parametrize('read', [read_text, read_json, read_activitynet])
def test_pipes_and_devices_are_refused_at_once(tmp_path, read):
    os.mkfifo(tmp_path / 'pipe.json')
    for path in (tmp_path / 'pipe.json', Path('/dev/zero'), tmp_path):
        with pytest.raises(MissingFileError, match='file not found .it is'):
            read(path)


@pytest.mark.parametrize('value', ['"12"', 'NaN', '0', '-3', 'null', '1e400', '[1]'])
def test_one_bad_side_file_of_a_folder_fails_alone(tiny, capsys, value):
    features = tiny.root / 'features'
    (features / 'v1.json').write_text(f'{{"fps": 8, "duration": {value}}}')
    done = tiny.tool('infer.py').main(
        [
            str(features),
            str(tiny.config),
            str(tiny.weights()),
            '--out',
            str(tiny.root / 'out'),
            '--fps',
            '8',
            '--device',
            'cpu',
        ]
    )
    error = capsys.readouterr().err
    assert done == 1 and 'v1: FAILED: ' in error
    assert 'v1.json: expected a positive number as "duration", found' in error
    found = json.loads((tiny.root / 'out/predictions.json').read_text())['results']
    assert sorted(found) == ['v0', 'v2', 'v3', 'v4', 'v5']


def test_a_feature_file_that_changes_or_vanishes(tiny, capsys):
    import numpy as np

    path = tiny.root / 'features/v5.npy'
    good = np.load(path)
    np.save(path, good[:, :4])
    train = tiny.tool('train.py')
    for workers in ('0', '1'):
        assert (
            train.main([str(tiny.config), '--cfg-options', f'val_dataloader.num_workers={workers}'])
            == 1
        )
        assert capsys.readouterr().err.splitlines()[-1].startswith('train: ')
    np.save(path, good)
    (tiny.root / 'vanish.py').write_text(VANISH)
    import sys

    sys.path.insert(0, str(tiny.root))
    try:
        tiny.config.write_text(
            f"{tiny.config.read_text()}\ncustom_imports = dict(imports=['tmx_plugin', 'vanish'])\n"
            f"custom_hooks = [dict(type='Vanish', path={str(path)!r})]\n"
        )
        assert train.main([str(tiny.config), '--cfg-options', 'val_dataloader.num_workers=1']) == 1
    finally:
        sys.path.remove(str(tiny.root))
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"train: {path}: video 'v5': feature file not found"
    )


VANISH = """
import os
from mmaction.registry import HOOKS
from mmengine.hooks import Hook


@HOOKS.register_module(force=True)
class Vanish(Hook):
    def __init__(self, path):
        self.path = path

    def before_val_epoch(self, runner):
        os.unlink(self.path)
"""

# ------------------------------------------------------------------------------------- options
OPTIONS = [
    (
        'infer.py',
        [
            'F',
            'C',
            'W',
            '--out',
            'O',
            '--batch-size',
            '0',
            '--top-k',
            '-1',
            '--fps',
            'inf',
            '--device',
            'gpu9',
        ],
        'infer: --batch-size: expected a whole number of at least 1, found 0; --top-k: expected a '
        'whole number of at least 1, found -1; --fps: expected a finite number above 0, found inf; '
        "device 'gpu9': expected cpu, cuda, cuda:N or mps",
    ),
    (
        'infer.py',
        ['F', 'C', 'W', '--draw-score-thr', 'nan', '--clip-batch-size', '-2'],
        'infer: --clip-batch-size: expected a whole number of at least 1, found -2; '
        '--draw-score-thr: expected a finite number from 0 to 1, found nan',
    ),
    (
        'test.py',
        ['C', 'W', '--interval', '0', '--wait-time', 'nan', '--dump', 'D'],
        'test: --interval: expected a whole number of at least 1, found 0; --wait-time: expected a '
        'finite number of at least 0, found nan; --dump: expected the name of a file, found ',
    ),
    (
        'analysis/plot_timeline.py',
        ['P', 'A', '--out', 'O', '--score-thr', 'nan', '--top-k', '0'],
        'plot_timeline: --score-thr: expected a finite number from 0 to 1, found nan; --top-k: '
        'expected a whole number of at least 1, found 0',
    ),
    *(
        (
            'data/convert_annotations.py',
            ['csv', 'S', '--out', 'O', '--val-share', share],
            'convert_annotations: --val-share: expected a finite number above 0 and below 1, found '
            f'{float(share)}',
        )
        for share in ('2', 'nan', '-1')
    ),
    (
        'extract_features.py',
        ['F', 'O', '--config', 'C', '--random-weights', '--batch-size', '0', '--stride', '0'],
        'extract_features: --batch-size: expected a whole number of at least 1, found 0; --stride: '
        'expected a whole number of at least 1, found 0',
    ),
]


@pytest.mark.parametrize(
    'tool, args, words', OPTIONS, ids=[f'{tool} {" ".join(args[-4:])}' for tool, args, _ in OPTIONS]
)
def test_options_out_of_range(tiny, capsys, tool, args, words):
    (tiny.root / 'folder.pkl').mkdir()
    places = dict(
        F=tiny.root / 'features',
        C=tiny.config,
        O=tiny.root / 'out',
        W='no.pth',
        D=tiny.root / 'folder.pkl',
        P='p.json',
        A='a.json',
        S='s.csv',
    )
    assert tiny.tool(tool).main([str(places.get(arg, arg)) for arg in args]) in (1, 2)
    assert capsys.readouterr().err.splitlines()[-1].startswith(words)


def test_log_files_cut_off_empty_and_with_nan(tiny, capsys):
    plot, folder = tiny.tool('analysis/plot_logs.py'), tiny.root / 'run/1/vis_data'
    folder.mkdir(parents=True)
    log, out = folder / 'scalars.json', tiny.root / 'x.png'
    log.write_text(
        '{"loss": 1.0, "epoch": 1, "step": 1}\n{"loss": NaN, "epoch": 1, "step": 2}\n'
        '{"loss": 2.0, "epoch": 2, "step": 3}\n[1]\n{"loss": 1.'
    )
    assert plot.main([str(tiny.root / 'run'), '--keys', 'loss', '--out', str(out)]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f'{log}:{number}: left out: expected an object with "step", found {found!r}'
        for number, found in ((4, '[1]'), (5, '{"loss": 1.'))
    ]
    assert out.is_file()
    for content in ('', '{"loss": NaN, "epoch": 1, "step": 2}\n'):
        log.write_text(content)
        assert plot.main([str(tiny.root / 'run'), '--out', str(out)]) == 1
        assert 'expected logged values, found none' in capsys.readouterr().err
