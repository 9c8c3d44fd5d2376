# SPDX-License-Identifier: Apache-2.0
"""What an inference run leaves when it ends early, and how the next one goes on."""

import json
import shutil

import pytest

from tmx_plugin.apis.result_files import JOURNAL
from tmx_plugin.apis.video_inputs import VideoInputs
from tmx_plugin.errors import DataError
from tmx_plugin.exporters.journal import Journal
from tmx_plugin.utils.files import WriteError

VIDEOS = [f'v{i}' for i in range(6)]
SHARED = ['predictions.csv', 'predictions.json', 'predictions.label-studio.json']


@pytest.fixture
def infer(tiny):
    """Runs the tool on six feature files into a folder; returns the status."""
    weights = tiny.weights()

    def run(out, *args):
        return tiny.tool('infer.py').main(
            [
                *map(str, (tiny.root / 'features', tiny.config, weights)),
                *('--out', str(tiny.root / out), '--fps', '8', '--device', 'cpu', '--format'),
                *('csv', 'srt', 'label-studio', '--frame-rate', '25', *args),
            ]
        )

    return run


@pytest.fixture
def watch(monkeypatch):
    """``watch(action)`` calls ``action(name)`` before each video is read; returns the names."""
    original = VideoInputs.__call__

    def install(action=lambda name: None):
        names = []

        def call(self, source):
            action(source[0])
            names.append(source[0])
            return original(self, source)

        monkeypatch.setattr(VideoInputs, '__call__', call)
        return names

    return install


@pytest.fixture
def said(monkeypatch):
    """What is logged by what writes results."""
    texts = []
    for module in ('tmx_plugin.apis.result_files', 'tmx_plugin.exporters.journal'):
        monkeypatch.setattr(f'{module}.print_log', lambda text, *_: texts.append(text))
    return texts


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_killed_run_leaves_every_video_before_and_is_gone_on_with(tiny, infer, watch, capsys):
    # What lies there when video k is begun is what a kill then leaves.
    watch(lambda name: shutil.copytree(tiny.root / 'whole', tiny.root / f'killed at {name}'))
    assert infer('whole', '--timeline') == 0
    whole = files(tiny.root / 'whole')
    assert sorted(whole) == sorted(
        SHARED + [f'{name}.{suffix}' for name in VIDEOS for suffix in ('png', 'srt')]
    )
    results = json.loads(whole['predictions.json'])['results']
    for k, name in enumerate(VIDEOS):
        left = files(tiny.root / f'killed at {name}')
        journal = [json.loads(line) for line in left.pop(JOURNAL).splitlines()]
        assert journal[0] == dict(anew=False)
        assert {each['video']: each['actions'] for each in journal[1:]} == {
            video: results[video] for video in VIDEOS[:k]
        }
        assert left == {
            f'{video}.{end}': whole[f'{video}.{end}']
            for video in VIDEOS[:k]
            for end in ('png', 'srt')
        }
    capsys.readouterr()
    for k in (0, 4):
        read, out = watch(), f'killed at v{k}'
        assert infer(out, '--timeline', '--existing', 'skip') == 0
        assert read == VIDEOS[k:] and files(tiny.root / out) == whole
        lines = [x for x in capsys.readouterr().out.splitlines() if ' segments: ' in x]
        assert [line.split(':')[0] for line in lines] == VIDEOS
    read = watch()
    assert infer(out, '--existing', 'skip', '--page') == 0 and read == []
    assert files(tiny.root / out).keys() - whole.keys() == {'player.html'}


@pytest.mark.parametrize(
    'end, status',
    [(SystemExit(143), None), (KeyboardInterrupt(), 130), (WriteError(28, 'disk full'), 1)],
)
def test_a_run_that_is_ended_writes_what_is_done(tiny, infer, watch, end, status, said):
    def stop(name):
        if name == 'v3':
            raise end

    watch(stop)
    if status is None:  # as SIGTERM ends tools
        with pytest.raises(SystemExit):
            infer('out')
    else:
        assert infer('out') == status
    left = files(tiny.root / 'out')
    assert JOURNAL not in left and set(SHARED) < set(left)
    assert list(json.loads(left['predictions.json'])['results']) == VIDEOS[:3]
    assert said == [
        f'{tiny.root / "out"}: holds the results of 3 videos; the same command with --existing '
        'skip goes on with the others'
    ]
    read = watch()
    assert infer('out', '--existing', 'skip') == 0 and read == VIDEOS[3:]


def test_what_a_killed_run_left_is_kept_replaced_or_an_error(tiny, infer, said, capsys):
    out, journal = tiny.root / 'out', tiny.root / 'out' / JOURNAL
    line = dict(video='x', source='x', duration=1.0, actions=[])

    def leave(*lines):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        journal.write_text(''.join(f'{json.dumps(each)}\n' for each in lines) + '{"video": "y", ')

    def found():
        return list(json.loads((out / 'predictions.json').read_text())['results'])

    leave(dict(anew=False), line)
    assert infer('out', '--existing', 'error') == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f'infer: {journal}: exists; choose another folder, or merge or replace'
    )
    assert infer('out') == 0 and found() == ['x', *VIDEOS]  # what was cut off is left out
    assert said[-1] == f'{journal}: line 3 is not whole; it is left out, and what follows it'
    assert infer('out', '--existing', 'replace') == 0 and found() == VIDEOS
    # A run that was to replace predictions.json was killed: it counts as replaced.
    leave(dict(anew=True), line)
    (out / 'predictions.json').write_text('{"results": {"old": []}}')
    assert infer('out', '--existing', 'skip') == 0 and found() == ['x', *VIDEOS]


@pytest.mark.parametrize(
    'line',
    [
        'no json',
        '[]',
        '{"anew": true}',
        '{"video": "x", "source": null, "duration": 1.0}',
        '{"video": 3, "source": null, "duration": 1.0, "actions": []}',
        '{"video": "x", "source": 5, "duration": 1.0, "actions": []}',
        '{"video": "x", "source": null, "duration": "1", "actions": []}',
        '{"video": "x", "source": null, "duration": NaN, "actions": []}',
        '{"video": "x", "source": null, "duration": 1.0, "actions": [{"label": "a"}]}',
        '{"video": "x", "source": null, "duration": 1.0, "actions": []',
    ],
)
def test_lines_that_are_not_of_a_journal_are_left_out(tmp_path, said, line):
    path = tmp_path / JOURNAL
    whole = '{"anew": false}\n{"video": "v", "source": "v.mp4", "duration": 2, "actions": []}\n'
    path.write_text(f'{whole}{line}\n')
    journal = Journal(path)
    assert dict(journal) == {'v': []} and path.read_text() == whole
    assert said == [f'{path}: line 3 is not whole; it is left out, and what follows it']
    journal.close()


def test_two_videos_of_one_file_name_fail_alone(tiny, infer, capsys):
    (tiny.root / 'features/v').mkdir()
    for name in ('v/1', 'v_1'):
        shutil.copy(tiny.root / 'features/v0.npy', tiny.root / f'features/{name}.npy')
    assert infer('out') == 1
    error = capsys.readouterr().err
    for name in ('v/1', 'v_1'):
        assert f"{name}: FAILED: 'v/1' and 'v_1' would both be written to 'v_1'; rename" in error
    assert list(json.loads((tiny.root / 'out/predictions.json').read_text())['results']) == VIDEOS


def test_a_video_whose_file_an_earlier_one_has_fails_before_it_is_read(tiny, infer, watch, capsys):
    out = tiny.root / 'out'
    out.mkdir()
    held = json.dumps(dict(results={'v 2': [], 'v,3': [], 'other': []}))
    (out / 'predictions.json').write_text(held)
    for name in ('v_3', 'v_2'):
        shutil.copy(tiny.root / 'features/v0.npy', tiny.root / f'features/{name}.npy')
    read = watch()
    assert infer('out') == 1 and read == sorted([*VIDEOS, 'v_2'])
    reason = "'v_3' and 'v,3' would both be written to 'v_3'; rename one, or "
    reason += 'write them to different folders'
    assert f'v_3: FAILED: {reason}' in capsys.readouterr().err.splitlines()
    names = json.loads((out / 'predictions.json').read_text())['results']
    assert sorted(names) == sorted([*VIDEOS, 'v_2', 'v 2', 'v,3', 'other'])
    assert not (out / JOURNAL).exists()
    # Results of two such videos, of a run without files of each.
    held = json.dumps(dict(results={'v,3': [], 'v_3': []}))
    (out / 'predictions.json').write_text(held)
    assert infer('out', '--existing', 'skip') == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"infer: {out}: holds results of videos, and 'v,3' and 'v_3' would both be written to "
        "'v_3'; rename one, or write them to different folders"
    )
    assert (out / 'predictions.json').read_text() == held and not (out / JOURNAL).exists()


def test_journal(tmp_path):
    path = tmp_path / JOURNAL
    entry = dict(video='a', source=None, duration=1.0, actions=[])
    journal = Journal(path)
    journal.add(entry)
    journal.add(dict(entry, video='\ud800'))
    journal.add(dict(entry, duration=2.0))
    with pytest.raises(DataError, match='expected finite times and score'):
        journal.add(dict(entry, actions=[dict(label='x', score=float('nan'), segment=[0, 1])]))
    assert dict(journal) == {'a': [], '\ud800': []} and journal.entry('a')['duration'] == 2
    journal.close()
    again = Journal(path)
    assert dict(again) == {'a': [], '\ud800': []} and again.entry('a')['duration'] == 2
    again.close(remove=True)
    assert not path.exists()
