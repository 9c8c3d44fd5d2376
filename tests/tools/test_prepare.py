# SPDX-License-Identifier: Apache-2.0
"""Archives in the layout of the publishers, with made-up features, become data sets."""

import io
import json
import tarfile
import zipfile

import numpy as np
import pytest
from tool_modules import load_module

from tmx_plugin.datasets import archives
from tmx_plugin.datasets.archives import unpack
from tmx_plugin.datasets.preparation import prepare
from tmx_plugin.datasets.released_classes import released_classes
from tmx_plugin.errors import DataError, MissingFileError


@pytest.fixture(scope='module')
def tool(repo):
    return load_module(repo / 'tools/data/prepare.py').main


def database(classes, subsets, fps=30.0, prefix='video'):
    """Four videos of 40 s with segments of all classes, in ActionFormer's style."""
    found = {}
    for number in range(4):
        items = [
            dict(label=label, label_id=i, segment=[1 + i % 30, 4.5 + i % 30])
            for i, label in enumerate(classes)
        ]
        found[f'{prefix}_{number}'] = dict(
            subset=subsets[number % 2], duration=40.0, fps=fps, annotations=items
        )
    return dict(version='made up', database=found)


def write_features(folder, videos, length, width, suffix='.npy'):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for video in videos:
        feats = rng.standard_normal((length, width)).astype(np.float16)
        if suffix == '.npz':
            np.savez(folder / video, feats=feats)
        else:
            np.save(folder / video, feats)


def thumos(folder, classes=None):
    classes = classes or released_classes('thumos14', 20)
    content = database(classes, ('Validation', 'Test'))
    (folder / 'annotations').mkdir(parents=True)
    (folder / 'annotations' / 'thumos14.json').write_text(json.dumps(content))
    write_features(folder / 'i3d_features', content['database'], 297, 2048)
    return folder


def pack(folder, archive):
    if archive.suffix == '.zip':
        with zipfile.ZipFile(archive, 'w') as file:
            for path in sorted(folder.rglob('*')):
                file.write(path, path.relative_to(folder.parent))
    else:
        with tarfile.open(archive, 'w:gz', compresslevel=1) as file:
            file.add(folder, folder.name)
    return archive


@pytest.mark.parametrize('form', ['thumos.tar.gz', 'thumos.zip', 'folder'])
def test_thumos_as_actionformer_publishes_it(form, tool, tmp_path, capsys):
    source = thumos(tmp_path / 'thumos')
    if form != 'folder':
        source = pack(source, tmp_path / form)
    root = tmp_path / 'data'
    assert tool(['thumos14', str(source), '--out', str(root), '--no-values']) == 0
    out = capsys.readouterr().out
    assert 'no problems found' in out
    lines = (root / 'annotations' / 'classes.txt').read_text().splitlines()
    assert tuple(lines) == released_classes('thumos14', 20)
    written = json.loads((root / 'annotations' / 'thumos14.json').read_text())['database']
    assert {video['subset'] for video in written.values()} == {'training', 'validation'}
    assert written['video_1']['annotations'][3]['segment'] == [4, 7.5]
    assert (root / 'features' / 'i3d').is_symlink()
    assert len(list((root / 'features' / 'i3d').glob('*.npy'))) == 4
    # Again, after a move of the source: links are replaced.
    assert tool(['thumos14', str(source), '--out', str(root), '--no-values']) == 0


def test_epic_in_opentad_layout_has_both_targets(tool, tmp_path, capsys):
    root = tmp_path / 'epic_kitchens-100'
    (root / 'annotations').mkdir(parents=True)
    for target, count in (('verb', 97), ('noun', 293)):
        classes = released_classes(f'epic_{target}', count)
        content = database(classes, ('train', 'val'), prefix='P01')
        (root / 'annotations' / f'epic_kitchens_{target}.json').write_text(json.dumps(content))
        (root / 'annotations' / f'category_idx_{target}.txt').write_text('\n'.join(classes) + '\n')
    write_features(
        root / 'features' / 'slowfast_fps30_stride16_clip32', content['database'], 74, 2304, '.npz'
    )
    assert tool(['epic_kitchens', str(root), '--out', str(tmp_path / 'data')]) == 0
    out = capsys.readouterr().out
    assert 'epic_kitchens_slowfast_verb:' in out and 'epic_kitchens_slowfast_noun:' in out
    for name, count in (('verb', 97), ('noun', 293)):
        lines = (tmp_path / f'data/annotations/{name}_classes.txt').read_text().splitlines()
        assert tuple(lines) == released_classes(f'epic_{name}', count)


def test_multithumos_takes_the_json_of_its_classes(tool, tmp_path):
    both = thumos(tmp_path / 'both')
    content = database(released_classes('multithumos', 65), ('training', 'validation'))
    (both / 'annotations' / 'multithumos_anno.json').write_text(json.dumps(content))
    assert tool(['multithumos', str(both), '--out', str(tmp_path / 'data'), '--no-values']) == 0
    assert tool(['thumos14', str(both), '--out', str(tmp_path / 't'), '--no-values']) == 0
    written = json.loads((tmp_path / 'data/annotations/multithumos.json').read_text())['database']
    assert len(written['video_0']['annotations']) == 65
    assert len((tmp_path / 't/annotations/classes.txt').read_text().splitlines()) == 20


@pytest.mark.parametrize(
    'name, fps, classes', [('gtea', 15, 10), ('50salads', 30, 17), ('breakfast', 15, 47)]
)
def test_layout_of_ms_tcn(name, fps, classes, tool, tmp_path, capsys):
    background = dict(gtea=['background'], breakfast=['SIL']).get(
        name, ['action_start', 'action_end']
    )
    source = tmp_path / 'data' / name
    labels = [f'action{i}' for i in range(classes)] + background
    for part in ('features', 'groundTruth', 'splits'):
        (source / part).mkdir(parents=True)
    (source / 'mapping.txt').write_text('\n'.join(f'{i} {x}' for i, x in enumerate(labels)) + '\n')
    videos = [f'S{i}_Tea' for i in range(4)]
    frames = [label for label in labels for _ in range(30)]
    for video in videos:
        np.save(
            source / 'features' / video,
            np.random.default_rng(0).standard_normal((2048, len(frames))).astype(np.float32),
        )
        (source / 'groundTruth' / f'{video}.txt').write_text('\n'.join(frames) + '\n')
    for number in (1, 2):
        (source / 'splits' / f'test.split{number}.bundle').write_text(f'{videos[number]}.txt\n')
    assert (
        tool(
            [
                name,
                str(pack(source, tmp_path / 'data.zip')),
                '--out',
                str(tmp_path / 'out'),
                '--no-values',
            ]
        )
        == 0
    ), capsys.readouterr()
    split = json.loads((tmp_path / 'out/annotations/split_2.json').read_text())['database']
    assert [video for video in split if split[video]['subset'] == 'validation'] == ['S2_Tea']
    second = split['S0_Tea']['annotations'][1]
    assert second == dict(label='action1', segment=[30 / fps, 60 / fps])
    assert len((tmp_path / 'out/annotations/classes.txt').read_text().split()) == classes


def test_what_is_not_the_data_set_is_refused(tmp_path, tool, capsys):
    other = thumos(tmp_path / 'other', classes=['a', 'b'])
    with pytest.raises(DataError, match='expected an annotation json of thumos14'):
        prepare('thumos14', [other], tmp_path / 'out')
    source = thumos(tmp_path / 'thumos')
    write_features(source / 'more', ['video_0', 'video_1', 'video_2', 'video_3'], 5, 4)
    with pytest.raises(DataError, match='hold features of 4 videos each'):
        prepare('thumos14', [source], tmp_path / 'out')
    with pytest.raises(DataError, match='expected features VIDEO.npy'):
        prepare('thumos14', [source / 'annotations'], tmp_path / 'out')
    with pytest.raises(DataError, match='expected mapping.txt beside'):
        prepare('gtea', [source], tmp_path / 'out')
    with pytest.raises(MissingFileError, match='no such archive or folder'):
        prepare('thumos14', [tmp_path / 'nothing.zip'], tmp_path / 'out')
    (tmp_path / 'kept/features/i3d').mkdir(parents=True)
    with pytest.raises(DataError, match='exists and is no link'):
        prepare('thumos14', [thumos(tmp_path / 'third')], tmp_path / 'kept')
    assert tool(['thumos14', str(other)]) == 1
    assert capsys.readouterr().err.startswith('prepare: ')


def hostile(path, name, content=b'{}', link=None):
    if path.suffix == '.zip':
        with zipfile.ZipFile(path, 'w') as file:
            file.writestr(name, content)
        return path
    with tarfile.open(path, 'w') as file:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        if link:
            member.type, member.linkname, member.size = tarfile.SYMTYPE, link, 0
        file.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize('archive', ['evil.zip', 'evil.tar'])
@pytest.mark.parametrize(
    'name',
    ['../../out.json', '/tmp/out.json', 'a/../../../out.json', '..\\..\\out.json', 'C:/out.json'],
)
def test_members_never_leave_their_folder(archive, name, tmp_path):
    with pytest.raises(DataError, match='outside its folder'):
        unpack(hostile(tmp_path / archive, name), tmp_path / 'deep' / 'inside')
    assert list(tmp_path.rglob('*.json')) == []


def test_links_programs_and_what_is_too_large_stay_in_the_archive(tmp_path, monkeypatch):
    folder = unpack(hostile(tmp_path / 'link.tar', 'a.json', link='/etc/passwd'), tmp_path / 'a')
    assert not folder.exists()
    assert not unpack(hostile(tmp_path / 'program.zip', 'run.py'), tmp_path / 'a').exists()
    large = hostile(tmp_path / 'large.zip', 'a.json', b'0' * 5000)
    monkeypatch.setattr(archives, 'free_bytes', lambda path: archives.RESERVE + 4999)
    with pytest.raises(DataError, match='too large to unpack'):
        unpack(large, tmp_path / 'b')
    assert not (tmp_path / 'b').exists()


def test_damaged_archives_are_named(tmp_path):
    whole = pack(thumos(tmp_path / 'thumos'), tmp_path / 'thumos.tar.gz').read_bytes()
    (tmp_path / 'cut.tar.gz').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match='cut.tar.gz: damaged, cut off'):
        unpack(tmp_path / 'cut.tar.gz', tmp_path / 'out')
