# SPDX-License-Identifier: Apache-2.0
"""tools/data/convert_annotations.py from its command line."""

import json

import numpy as np
import pytest
from tool_modules import load_module

from tmx_plugin.datasets.annotation_files import read_annotations
from tmx_plugin.datasets.formats import FORMATS


@pytest.fixture(scope='module')
def tool(repo):
    path = repo / 'tools' / 'data' / 'convert_annotations.py'
    return load_module(path)


@pytest.fixture(scope='module')
def convert(tool):
    return lambda *args: tool.main([str(arg) for arg in args])


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / 'my.csv'
    path.write_text('video,start,end,label,duration\na,0,1,Run,9\nb,2,3,Jump,9\nc,2,3,Run,9\n')
    return path


def test_every_format_is_offered(tool):
    assert {*tool.FORMATS} == {'auto', *FORMATS}


def test_csv(convert, csv, tmp_path, capsys):
    out = tmp_path / 'out' / 'my.json'
    assert convert('csv', csv, '--out', out, '--val-share', 0.4) == 0
    videos = read_annotations(out)
    assert sorted(video.subset for video in videos) == ['training', 'training', 'validation']
    assert (out.parent / 'classes.txt').read_text() == 'Jump\nRun\n'
    printed = capsys.readouterr().out
    assert 'training: 2 videos' in printed and '2 classes' in printed
    assert '1 of 3 videos without a subset are for validation' in printed


@pytest.mark.parametrize('layout', ['tc', 'ct'])
def test_durations_from_the_length_of_features(convert, csv, tmp_path, layout):
    csv.write_text('video,start,end,label\na,0,1,Run\nb,2,3,Jump\n')
    for name in 'ab':
        array = np.zeros((20, 7), np.float32)  # (T, C)
        np.save(tmp_path / f'{name}.npy', array if layout == 'tc' else array.T)
    out = tmp_path / 'my.json'
    assert (
        convert(
            'csv',
            csv,
            '--out',
            out,
            '--features',
            tmp_path,
            '--fps',
            10,
            '--feature-stride',
            5,
            '--offset-frames',
            4,
            '--layout',
            layout,
        )
        == 0
    )
    assert {video.duration for video in read_annotations(out)} == {(19 * 5 + 8) / 10}


def test_auto_and_named_validation_videos(convert, csv, tmp_path, capsys):
    listed = tmp_path / 'val.txt'
    listed.write_text('b\n')
    out = tmp_path / 'my.json'
    assert (
        convert(
            'auto',
            csv,
            '--out',
            out,
            '--val-videos',
            listed,
            '--classes-out',
            tmp_path / 'names.txt',
        )
        == 0
    )
    assert 'taken as csv' in capsys.readouterr().out
    assert [v.video_id for v in read_annotations(out) if v.subset == 'validation'] == ['b']
    assert (tmp_path / 'names.txt').is_file() and not (tmp_path / 'classes.txt').exists()


def test_errors_leave_no_file_and_give_status_1(convert, csv, tmp_path, capsys):
    csv.write_text(csv.read_text() + 'd,3,2,Run,9\n')
    assert convert('csv', csv, '--out', tmp_path / 'my.json') == 1
    assert 'my.csv:5: video d: expected a segment' in capsys.readouterr().err
    assert not (tmp_path / 'my.json').exists()
    assert convert('csv', csv, '--out', tmp_path / 'my.json', '--on-reversed', 'drop') == 0
    assert convert('opentad', tmp_path / 'nowhere.json', '--out', tmp_path / 'o.json') == 1
    assert 'nowhere.json' in capsys.readouterr().err


def test_nothing_for_validation_is_a_warning(convert, csv, tmp_path, capsys):
    assert convert('csv', csv, '--out', tmp_path / 'my.json') == 0
    assert 'warning' not in capsys.readouterr().err
    csv.write_text('video,start,end,label,duration\na,0,1,Run,9\n')
    assert convert('csv', csv, '--out', tmp_path / 'my.json') == 0
    assert "warning: all videos (1) are of the subset 'training'" in capsys.readouterr().err


def test_subsets_of_a_csv_have_other_options(convert, csv, tmp_path, capsys):
    assert convert('csv', csv, '--out', tmp_path / 'my.json', '--subsets', 'a=b') == 1
    err = capsys.readouterr().err
    assert '--subsets does not apply to csv' in err and '--val-videos' in err


def test_label_studio_asks_for_the_frame_rate(convert, tmp_path, capsys):
    path = tmp_path / 'ls.json'
    path.write_text(
        json.dumps(
            [
                {
                    'data': {'video': 'a.mp4'},
                    'annotations': [
                        {
                            'result': [
                                {
                                    'type': 'timelinelabels',
                                    'value': {
                                        'ranges': [{'start': 11, 'end': 20}],
                                        'timelinelabels': ['Run'],
                                    },
                                }
                            ]
                        }
                    ],
                }
            ]
        )
    )
    durations = tmp_path / 'd.csv'
    durations.write_text('video,duration\na,9\n')
    for name in ('label-studio', 'auto'):
        assert convert(name, path, '--videos', durations, '--out', tmp_path / 'o.json') == 1
        assert (
            'expected the frame rate of the labelling configuration (--fps), which the file '
            'does not hold'
        ) in capsys.readouterr().err
    assert (
        convert(
            'label-studio', path, '--fps', 10, '--videos', durations, '--out', tmp_path / 'o.json'
        )
        == 0
    )
    assert read_annotations(tmp_path / 'o.json')[0].segments_sec.tolist() == [[1.0, 2.0]]


def test_epic_writes_three_files(convert, tmp_path, capsys):
    for name, text in [
        ('v.csv', 'id,key\n0,take\n'),
        ('n.csv', 'id,key\n0,tap\n'),
        ('train.csv', 'video,start,stop,verb,noun\nP01_01,30,60,0,0\n'),
        ('i.csv', 'video_id,duration,fps,resolution\nP01_01,9,50,x\n'),
    ]:
        (tmp_path / name).write_text(text)
    args = [
        'epic',
        tmp_path / 'train.csv',
        '--verb-classes',
        tmp_path / 'v.csv',
        '--noun-classes',
        tmp_path / 'n.csv',
        '--videos',
        tmp_path / 'i.csv',
        '--out',
    ]
    assert convert(*args, tmp_path / 'e' / 'epic_{target}.json') == 0
    assert sorted(path.name for path in (tmp_path / 'e').iterdir()) == [
        'action_classes.txt',
        'epic_action.json',
        'epic_noun.json',
        'epic_verb.json',
        'noun_classes.txt',
        'verb_classes.txt',
    ]
    assert read_annotations(tmp_path / 'e' / 'epic_action.json')[0].labels == ('0,0',)
    assert convert(*args, tmp_path / 'noun.json') == 1
    assert '{target}' in capsys.readouterr().err
    assert convert(*args, tmp_path / 'noun.json', '--target', 'noun') == 0
    assert convert(*args, tmp_path / '{target}.json', '--classes-out', tmp_path / 'c.txt') == 1
    assert '--classes-out' in capsys.readouterr().err
    (tmp_path / 'verb.json').mkdir()
    assert convert(*args, tmp_path / 'verb.json', '--target', 'verb') == 1
    assert capsys.readouterr().err.startswith(
        f'convert_annotations: could not write {tmp_path / "verb.json"}: Is a directory; '
    )


def test_thumos_from_the_command_line(convert, shared_data, tmp_path):
    folder = shared_data / 'thumos14'
    assert (
        convert(
            'thumos-txt',
            folder / 'challenge_txt' / 'annotations_val',
            '--videos',
            folder / 'thumos_14_anno.json',
            '--out',
            tmp_path / 'thumos14.json',
        )
        == 0
    )
    assert len(read_annotations(tmp_path / 'thumos14.json')) == 200


def test_wrong_layout_is_refused_with_the_layout_that_fits(convert, tmp_path, capsys):
    (tmp_path / 'features').mkdir()
    np.save(tmp_path / 'features' / 'a.npy', np.zeros((8, 400), dtype=np.float32))
    csv = tmp_path / 'a.csv'
    csv.write_text('video,start,end,label\na,9,10,x\na,20,21,y\n')
    out = tmp_path / 'out.json'
    assert (
        convert(
            'csv',
            csv,
            '--features',
            tmp_path / 'features',
            '--fps',
            10,
            '--feature-stride',
            1,
            '--offset-frames',
            0.5,
            '--out',
            out,
        )
        == 1
    )
    assert (
        '2 of 2 segments start at or after the end of their video: they fit with --layout ct. '
        'Nothing was written'
    ) in capsys.readouterr().err
    assert not out.exists()


def test_auto_says_why_and_what_else(convert, tmp_path, capsys):
    source = tmp_path / 'a.json'
    source.write_text(
        json.dumps(
            {
                'database': {
                    'a': {
                        'subset': 'training',
                        'duration': 9,
                        'annotations': [{'label': 'x', 'label_id': 0, 'segment': [1, 2]}],
                    }
                }
            }
        )
    )
    assert convert('auto', source, '--out', tmp_path / 'out.json') == 0
    assert (
        'taken as actionformer (annotations have "label_id"); else opentad (a json with "database")'
    ) in capsys.readouterr().out


def test_unused_columns_are_named(convert, tmp_path, capsys):
    (tmp_path / 'v.csv').write_text('video,fps,frames,width\na,25,1000,640\nb,25,1000,640\n')
    (tmp_path / 'a.csv').write_text('video,start,end,label\na,1,2,x\nb,1,2,x\n')
    assert (
        convert(
            'csv',
            tmp_path / 'a.csv',
            '--videos',
            tmp_path / 'v.csv',
            '--out',
            tmp_path / 'out.json',
        )
        == 0
    )
    assert 'v.csv: columns that are not used: width' in capsys.readouterr().out
    assert {video.duration for video in read_annotations(tmp_path / 'out.json')} == {40.0}


def test_options_of_another_format_are_refused(convert, csv, tmp_path, capsys):
    assert convert('csv', csv, '--tiers', 'a', '--out', tmp_path / 'o.json') == 1
    assert '--tiers does not apply to csv, only to elan' in capsys.readouterr().err


@pytest.mark.parametrize('name', ['epic', 'auto', 'csv'])
def test_pickles_are_refused_whatever_the_format(convert, tmp_path, capsys, name):
    (tmp_path / 'EPIC_100_train.pkl').write_bytes(b'\x80\x04N.')
    assert (
        convert(
            name,
            tmp_path / 'EPIC_100_train.pkl',
            '--verb-classes',
            'v.csv',
            '--noun-classes',
            'n.csv',
            '--out',
            tmp_path / '{target}.json',
        )
        == 1
    )
    assert 'EPIC_100_train.csv beside it), found a pickle' in capsys.readouterr().err
