# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from tmx_plugin.apis.batch import process_rank
from tmx_plugin.errors import LaunchError
from tmx_plugin.features.storage import find_files, is_complete, read_side_file, write_features
from tmx_plugin.models.backbones.weights import file_hash, local_checkpoint

INFO = dict(length=3, channels=2, stride=4, clip_len=16, checkpoint_hash=None)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / 'sub' / 'video.npy'
    write_features(path, np.ones((3, 2), dtype=np.float32), INFO)
    return path


def test_written_features_are_complete(written):
    assert is_complete(written, dict(stride=4, clip_len=16))
    assert read_side_file(written) == INFO
    assert sorted(path.name for path in written.parent.iterdir()) == ['video.json', 'video.npy']


def test_one_file_without_the_other_is_not_complete(written):
    written.with_suffix('.json').unlink()
    assert not is_complete(written, {})
    write_features(written, np.ones((3, 2)), INFO)
    written.unlink()
    assert not is_complete(written, {})


def test_features_that_do_not_fit_the_side_file_are_not_complete(written):
    np.save(written, np.ones((4, 2)))
    assert not is_complete(written, {})


def test_other_settings_are_refused(written):
    with pytest.raises(ValueError, match=r'video.npy: exists, made with stride 4 \(now 8\)'):
        is_complete(written, dict(stride=8, clip_len=16))


def test_failed_writing_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        write_features(tmp_path / 'a.npy', np.ones((1, 1)), dict(bad=object()))
    assert not is_complete(tmp_path / 'a.npy', {})
    assert [path.name for path in tmp_path.iterdir()] == ['a.npy']


def test_side_file_that_is_no_json(written):
    written.with_suffix('.json').write_text('{')
    with pytest.raises(ValueError, match='video.json: expected json'):
        read_side_file(written)


def test_folder_list_and_file(tmp_path):
    for name in ('b/x.mp4', 'a.MKV', 'notes.md', 'b/y.avi', '.a.17.part.mp4'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [name for name, _ in find_files(tmp_path)[0]] == ['a', 'b/x', 'b/y']
    (tmp_path / 'list.txt').write_text('b/x.mp4\n\n/absent/z.mp4\n')
    found, clashes = find_files(tmp_path / 'list.txt')
    assert not clashes
    assert [name for name, _ in found] == ['x', 'z'] and found[0][1] == tmp_path / 'b/x.mp4'
    assert find_files(tmp_path / 'notes.md')[0] == [('notes', tmp_path / 'notes.md')]


def test_inputs_that_cannot_be_meant(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such file or folder'):
        find_files(tmp_path / 'absent')
    with pytest.raises(FileNotFoundError, match='holds no file ending in .mp4'):
        find_files(tmp_path)


def test_files_of_one_name_are_left_out_and_the_others_stay(tmp_path):
    for name in ('a.mp4', 'a.mkv', 'b.mp4', 'c/a.mp4', 'd.mp4', 'd.avi'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, clashes = find_files(tmp_path)
    assert [name for name, _ in found] == ['b', 'c/a']
    assert list(clashes) == ['a', 'd']
    assert clashes['a'] == (
        f'{tmp_path / "a.mkv"} and {tmp_path / "a.mp4"} would both be called '
        "'a'; rename one, or give them separately"
    )


def test_rank_comes_from_the_launcher(monkeypatch):
    assert process_rank() == (0, 1, 0)
    with pytest.raises(LaunchError, match='--launcher pytorch: RANK'):
        process_rank('pytorch')
    for name, value in dict(RANK='5', WORLD_SIZE='8', LOCAL_RANK='1').items():
        monkeypatch.setenv(name, value)
    assert process_rank('pytorch') == (5, 8, 1)


def test_checkpoint_is_identified(tmp_path):
    (tmp_path / 'a.pth').write_bytes(b'abc')
    assert file_hash(local_checkpoint(str(tmp_path / 'a.pth'))) == (
        'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    )
    with pytest.raises(FileNotFoundError, match='There is no checkpoint'):
        local_checkpoint(tmp_path / 'b.pth')
