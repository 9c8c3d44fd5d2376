# SPDX-License-Identifier: Apache-2.0
"""Readers of foreign annotation formats on the published files, whole and broken."""

import json
from collections import Counter

import pytest

from tmx_plugin.datasets import formats
from tmx_plugin.datasets.annotation_files import read_class_list
from tmx_plugin.datasets.errors import DataError


def segments(document):
    """All segments but the ambiguous ones, as a multiset."""
    return Counter(
        (name, video['subset'], item['label'], *item['segment'])
        for name, video in document.database.items()
        for item in video['annotations']
        if item['label'] != 'Ambiguous'
    )


@pytest.fixture(scope='module')
def thumos(shared_data):
    folder = shared_data / 'thumos14'
    videos = formats.VideoInfo([folder / 'thumos_14_anno.json'])
    texts = [folder / 'challenge_txt' / f'annotations_{name}' for name in ('val', 'test')]
    styled = folder / 'thumos14_actionformer_style.json'
    return {
        'opentad': formats.read_opentad([folder / 'thumos_14_anno.json']),
        'actionformer': formats.read_actionformer([styled]),
        'txt': formats.read_thumos_txt(texts, videos=videos),
    }


def test_thumos_counts(thumos, shared_data):
    classes = list(read_class_list(shared_data / 'thumos14' / 'category_idx.txt'))
    for style, document in thumos.items():
        tests = 212 if style == 'actionformer' else 213
        assert document.counts() == {'training': (200, 3007), 'validation': (tests, 3358)}, style
        assert document.classes == classes, style


def test_thumos_formats_agree_segment_by_segment(thumos):
    assert segments(thumos['opentad']) == segments(thumos['actionformer'])
    assert segments(thumos['opentad']) == segments(thumos['txt'])
    assert thumos['opentad'].database['video_test_0000004']['frame'] == 1012
    assert thumos['txt'].database['video_test_0000004']['frame'] == 1012


def test_multithumos(shared_data):
    folder = shared_data / 'multithumos'
    source = folder / 'multithumos_actionformer_style.json'
    document = formats.read_multithumos([source], on_reversed='keep')
    assert document.counts() == {'training': (200, 18482), 'validation': (212, 20186)}
    # By name, as the published list; label_id has another order.
    assert document.classes == list(read_class_list(folder / 'category_idx.txt'))
    assert formats.read_actionformer([source], on_reversed='keep').classes != document.classes
    document.note_oddities()
    assert any(note.startswith('37 segments end at or before') for note in document.notes)
    dropped = formats.read_multithumos([source], on_reversed='drop')
    assert sum(count for _, count in dropped.counts().values()) == 18482 + 20186 - 30
    with pytest.raises(DataError, match='end is not before its start'):
        formats.read_multithumos([source])


def test_multithumos_takes_lengths_in_frames_from_thumos(shared_data):
    source = shared_data / 'multithumos' / 'multithumos_actionformer_style.json'
    videos = formats.VideoInfo([shared_data / 'thumos14' / 'thumos_14_anno.json'])
    document = formats.read_multithumos([source], videos=videos, on_reversed='keep')
    assert document.database['video_test_0000004']['frame'] == 1012


@pytest.fixture(scope='module')
def epic(shared_data):
    folder = shared_data / 'epic100'
    options = dict(
        verb_classes=folder / 'EPIC_100_verb_classes.csv',
        noun_classes=folder / 'EPIC_100_noun_classes.csv',
        videos=formats.VideoInfo([folder / 'EPIC_100_video_info.csv']),
    )
    return [folder / 'c2_training.csv', folder / 'EPIC_100_validation.csv'], options


@pytest.mark.parametrize('target, classes', [('verb', 97), ('noun', 293), ('action', 3806)])
def test_epic(epic, target, classes):
    document = formats.read_epic(epic[0], target=target, **epic[1])
    assert document.counts() == {'train': (495, 67217), 'val': (138, 9668)}
    assert len(document.classes) == classes
    assert len(document.labels()) == classes  # every class has an instance
    assert {video['fps'] for video in document.database.values()} == {30.0}


def test_epic_lengths_at_a_flat_rate_agree_with_the_recordings(shared_data):
    flat = formats.VideoInfo([shared_data / 'epic100' / 'c2_video_lengths.csv'])
    real = formats.VideoInfo([shared_data / 'epic100' / 'EPIC_100_video_info.csv'])
    for name in ('P01_01', 'P29_05', 'P37_103'):
        assert flat[name]['duration'] == pytest.approx(real[name]['duration'], abs=0.02)


def test_detection(shared_data):
    for path, name in [
        ('thumos14/thumos_14_anno.json', 'opentad'),
        ('thumos14/thumos14_actionformer_style.json', 'actionformer'),
        ('thumos14/challenge_txt/annotations_val', 'thumos-txt'),
        ('multithumos/multithumos_actionformer_style.json', 'multithumos'),
        ('epic100/c2_training.csv', 'epic'),
        ('epic100/EPIC_100_validation.csv', 'epic'),
    ]:
        assert formats.detect_format(shared_data / path) == name


# Ways to break a json: (change of the parsed file, what the error must say).
def _first(database):
    name = next(name for name, video in database.items() if video['annotations'])
    return name, database[name]


def _set(key, value):
    def change(database):
        name, video = _first(database)
        video[key] = value
        return name

    return change


def _set_item(key, value):
    def change(database):
        name, video = _first(database)
        video['annotations'][0][key] = value
        return name

    return change


BROKEN_JSON = [
    (_set('duration', '9'), 'duration'),
    (_set('duration', -3), '-3'),
    (_set('subset', 4), 'subset'),
    (_set('annotations', {'a': 1}), 'annotations'),
    (_set_item('segment', [-1.0, 2.0]), 'non-negative'),
    (_set_item('segment', [3.0, 2.0]), '3.0, 2.0'),
    (_set_item('segment', [float('nan'), 2.0]), 'nan'),
    (_set_item('segment', ['0', 2.0]), "'0'"),
    (_set_item('segment', [1.0]), 'two'),
    (_set_item('label', 7), 'label'),
    (_set_item('label', 'NoSuch'), "'NoSuch'"),
]


@pytest.mark.parametrize(
    'source',
    [
        'thumos14/thumos_14_anno.json',
        'thumos14/thumos14_actionformer_style.json',
        'multithumos/tiny20_opentad_style.json',
    ],
)
def test_broken_jsons_name_file_and_video(shared_data, tmp_path, source):
    text = (shared_data / source).read_text()
    classes = (shared_data / source).with_name('category_idx.txt')
    path = tmp_path / 'broken.json'
    for change, words in BROKEN_JSON:
        content = json.loads(text)
        name = change(content['database'])
        path.write_text(json.dumps(content))
        with pytest.raises(DataError) as error:
            formats.read_opentad([path], classes=classes)
        for part in ('broken.json', name, 'expected', 'found', words):
            assert part in str(error.value)


@pytest.mark.parametrize(
    'source, reader',
    [
        ('thumos14/thumos_14_anno.json', formats.read_opentad),
        ('thumos14/thumos14_actionformer_style.json', formats.read_actionformer),
        ('multithumos/multithumos_actionformer_style.json', formats.read_multithumos),
    ],
)
@pytest.mark.parametrize('cut', [0, 1, 400, -2])
def test_truncated_jsons(shared_data, tmp_path, source, reader, cut):
    path = tmp_path / 'cut.json'
    path.write_text((shared_data / source).read_text().rstrip()[:cut])
    with pytest.raises(DataError, match=r'cut\.json.*expected.*found'):
        reader([path])


@pytest.mark.parametrize(
    'old, new, words',
    [
        (',P01_11,', ',P99_11,', 'the duration'),
        ('00:00:01.89', '-1', 'not negative'),
        ('00:00:01.89', 'nan', 'not negative'),
        ('00:00:01.89', '00:00:00.00x', 'HH:MM:SS'),
        ('00:00:01.56', '00:09:01.56', 'not before'),
        (',plate,2,', ',plate,299999,', 'a noun id'),
        ('take,0,', 'take,-1,', 'a verb id'),
        ('take,0,', 'take,0.5,', 'whole number'),
        ('verb_class', 'verbs', 'a header with the columns'),
    ],
)
def test_broken_epic(epic, tmp_path, old, new, words):
    text = epic[0][1].read_text()
    path = tmp_path / 'EPIC_100_validation.csv'
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=words) as error:
        formats.read_epic([path], target='noun', **epic[1])
    assert 'EPIC_100_validation.csv' in str(error.value) and 'found' in str(error.value)


def test_truncated_and_empty_epic(epic, tmp_path):
    text = epic[0][1].read_text()
    path = tmp_path / 'val.csv'
    for content, words in [(text[:2000], 'fields'), ('', 'empty'), (text.splitlines()[0], 'row')]:
        path.write_text(content)
        with pytest.raises(DataError, match=words):
            formats.read_epic([path], target='verb', **epic[1])


@pytest.mark.parametrize(
    'old, new, words',
    [
        (' 169.7', ' -1', 'not negative'),
        (' ', ' x', 'a time'),
        (' ', '', '"video start end"'),
        ('video_validation_0000281', 'video_nowhere', 'video_nowhere: expected the duration'),
    ],
)
def test_broken_thumos_texts(shared_data, tmp_path, old, new, words):
    path = tmp_path / 'GolfSwing_val.txt'
    folder = shared_data / 'thumos14'
    text = (folder / 'challenge_txt/annotations_val/GolfSwing_val.txt').read_text()
    path.write_text(text.replace('  ', ' ').replace(old, new, 1))
    with pytest.raises(DataError, match=words) as error:
        formats.read_thumos_txt([path], videos=formats.VideoInfo([folder / 'thumos_14_anno.json']))
    assert 'GolfSwing_val.txt:1' in str(error.value)
