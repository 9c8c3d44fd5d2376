# SPDX-License-Identifier: Apache-2.0
"""Links of README and docs lead somewhere; the commands that they show are taken, and run."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from tool_modules import load_module

REPO = Path(__file__).resolve().parents[2]
PAGES = [
    REPO / 'README.md',
    REPO / 'CONTRIBUTING.md',
    REPO / 'configs/temporalmaxer/README.md',
    *sorted((REPO / 'docs').glob('*.md')),
]


def heading_anchor(line):
    return re.sub(r'[^\w -]', '', line.lstrip('#').strip().lower()).replace(' ', '-')


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_links_exist(page):
    text = re.sub(r'^```.*?^```', '', page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r'\]\(([^)\s]+)\)', text):
        if link.startswith('http'):
            continue
        path, _, anchor = link.partition('#')
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in {
                heading_anchor(line)
                for line in target.read_text().splitlines()
                if line.startswith('#')
            }, link


def commands(page):
    """Arguments of the calls of tools in bash blocks: ``[tool, argument, ...]``."""
    from tmx_plugin.cli.commands import COMMANDS

    for block in re.findall(
        r'^ *```bash\n(.*?)^ *```', page.read_text(), flags=re.MULTILINE | re.DOTALL
    ):
        for line in block.replace('\\\n', ' ').splitlines():
            try:
                words = shlex.split(line, comments=True)
            except ValueError:
                continue  # a program in a here-document
            if words[:1] == ['tmx'] and words[1:2] and words[1] in COMMANDS:
                yield [COMMANDS[words[1]].target, *words[2:]]
            elif words[:2] and words[0] == 'python' and words[1].startswith('tools/'):
                yield [words[1].removeprefix('tools/'), *words[2:]]


def status_of(parse, arguments):
    try:
        parse(arguments)
    except SystemExit as error:
        return error.code
    return 0


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_commands_are_understood(page, capsys):
    for tool, *arguments in commands(page):
        path = REPO / 'tools' / tool
        if not path.is_file():  # a module of the command
            continue
        module = load_module(path)
        if not hasattr(module, 'parse_args'):
            continue
        arguments = [word for word in arguments if not re.fullmatch(r'\[.*\]|\.\.\.', word)]
        assert not status_of(module.parse_args, arguments), (
            f'{tool} {arguments}: {capsys.readouterr().err}'
        )


#: Pages all of whose commands another test runs.
RUN_AS_A_PAGE = {'own_data': 'test_own_data_guide.py', 'example_gtea': 'test_example_gtea.py'}
#: Beginnings of commands that run below, on small data.
RUN_HERE = (
    'train.py --help',
    'checks',
    'init features/',
    'data/check_dataset.py mine.py',
    'train.py mine.py',
    'data/make_synthetic.py data/synthetic',
    'data/check_dataset.py features/ --against',
    'analysis/report.py predictions.json annotations.json',
)
#: Beginnings of commands that do not run below, and why. The tests named run them on other files.
NOT_RUN_HERE = {
    'demo': 'starts five processes: cli/test_command.py',
    'data/convert_annotations.py csv': 'of the guide to own data: test_own_data_guide.py',
    'data/check_dataset.py configs/temporalmaxer/custom.py': 'the same: test_own_data_guide.py',
    'train.py configs/temporalmaxer/custom.py': 'the same: test_own_data_guide.py',
    'data/convert_annotations.py': 'released annotations: datasets/test_formats_real.py',
    'data/prepare_hapt.py': 'the archive of HAPT: tools/test_prepare_data.py',
    'analysis/report.py hapt_inertial': 'a model trained on HAPT: tools/test_report.py',
    'data/check_dataset.py thumos_i3d': 'features of THUMOS-14',
    'train.py thumos_i3d': 'features of THUMOS-14',
    'train.py configs/temporalmaxer/thumos_i3d.py': 'features of THUMOS-14',
    'infer.py video.mp4 thumos_i3d': 'released weights: tools/test_released_model_chain.py',
    'infer.py videos/ CONFIG': 'names that stand for others: tools/test_infer.py',
    'extract_features.py VIDEO_FOLDER': 'weights of networks: tools/test_extract_features.py',
    'convert/released_checkpoint.py': 'a released checkpoint: models/test_checkpoint.py',
    'convert/per_class_json.py autoloc_TH14.json': 'released: tools/test_per_class_json.py',
    'analysis/report.py autoloc/': 'made from released detections: tools/test_report.py',
    'analysis/cross_validate.py': 'many trainings: tools/test_cross_validate.py',
    'analysis/benchmark.py': 'takes an hour: tools/test_benchmark.py',
}


def test_each_command_runs_or_has_a_reason_why_not():
    shown = {' '.join(each) for page in PAGES if page.stem not in RUN_AS_A_PAGE
             for each in commands(page)}  # fmt: skip
    known = (*RUN_HERE, *NOT_RUN_HERE)
    assert not [command for command in sorted(shown) if not command.startswith(known)]
    assert not [start for start in known if not any(each.startswith(start) for each in shown)]
    for reason in (*RUN_AS_A_PAGE.values(), *NOT_RUN_HERE.values()):
        if reason.endswith('.py'):
            assert list((REPO / 'tests').rglob(Path(reason.split()[-1]).name)), reason


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder with what the commands name: features, annotations, predictions."""
    folder = tmp_path_factory.mktemp('commands')
    rng = np.random.default_rng(0)
    for name in ('features', 'PUBLISHED_FOLDER', 'videos'):
        (folder / name).mkdir()
    (folder / 'videos' / 'v6.mp4').touch()  # a page only links it
    database, results = {}, {}
    for number in range(10):  # 20 seconds of 30 frames; clips of 16 frames, every fourth
        name = f'v{number}'
        features = rng.normal(size=(147, 8)).astype(np.float32)
        np.save(folder / 'features' / f'{name}.npy', features)
        np.save(folder / 'PUBLISHED_FOLDER' / f'{name}.npy', features)
        annotations = [
            dict(label=label, segment=[start, start + 2.5])
            for label, start in (('run', 1.0), ('jump', 6.0), ('run', 12.0))
        ]
        subset = 'validation' if number > 5 else 'training'
        database[name] = dict(subset=subset, duration=20.0, fps=30.0, annotations=annotations)
        if number > 5:
            results[name] = [dict(each, score=0.9 - 0.1 * i) for i, each in enumerate(annotations)]
    (folder / 'annotations.json').write_text(json.dumps(dict(database=database)))
    (folder / 'predictions.json').write_text(json.dumps(dict(results=results)))
    shutil.copy(folder / 'predictions.json', folder / 'earlier.json')
    return folder


@pytest.mark.slow
def test_commands_run(forks, place):
    fewer = ['--cfg-options', 'train_cfg.max_epochs=1', 'train_dataloader.num_workers=0']
    fewer += ['train_dataloader.persistent_workers=False']
    done = set()
    for page in PAGES:
        for target, *arguments in () if page.stem in RUN_AS_A_PAGE else commands(page):
            command = ' '.join([target, *arguments])
            if not command.startswith(RUN_HERE) or command in done:
                continue
            done.add(command)
            run = forks.run if target.endswith('.py') else forks.tmx
            script = f'tools/{target}' if target.endswith('.py') else target
            out = run(script, *arguments, *fewer * (target == 'train.py'), cwd=place)
            assert out.returncode == 0, f'{command}: {out.stdout[-2000:]}{out.stderr[-2000:]}'
    assert len(done) >= len(RUN_HERE)
    assert (place / 'work_dirs/mine/epoch_1.pth').is_file()
    for made in ('report/report.html', 'channels.csv', 'thresholds.json', 'data/synthetic'):
        assert (place / made).exists(), made
