# SPDX-License-Identifier: Apache-2.0
"""Links of README and docs lead somewhere; the tools take the commands that they show."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

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
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not hasattr(module, 'parse_args'):
            continue
        arguments = [word for word in arguments if not re.fullmatch(r'\[.*\]|\.\.\.', word)]
        assert not status_of(module.parse_args, arguments), (
            f'{tool} {arguments}: {capsys.readouterr().err}'
        )
