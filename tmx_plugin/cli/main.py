# SPDX-License-Identifier: Apache-2.0
"""From the command line to the script that does it."""

import difflib
import importlib.util
import runpy
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Optional

from .commands import COMMANDS, PACKAGE, ROOT

#: Without these no command runs; of mmcv and mmaction the package itself says what to install.
STACK = ('torch', 'numpy', 'mmengine', 'mmcv', 'mmaction')
USAGE = """usage: tmx COMMAND [ARGUMENT ...]

TemporalMaxer: which actions happen in a video, and from when to when.

commands:
{commands}

`tmx COMMAND --help` lists the arguments of a command and shows an example.
Configs are files, or names of those in the package: {configs}.
Exit status: 0 success, 1 error, 2 wrong usage."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run a command of ``tmx``.

    Args:
        argv (Sequence[str], optional): Its arguments; by default those of this process.

    Returns:
        int: Exit status. A command may also end by ``SystemExit``.
    """
    name, *arguments = [*(sys.argv[1:] if argv is None else argv), ''][:-1] or ['']
    if name in ('-h', '--help', 'help', ''):
        print(_usage(), file=sys.stdout if name else sys.stderr)
        return 0 if name else 2
    if name in ('-V', '--version'):
        print('tmx', runpy.run_path(str(PACKAGE / 'version.py'))['__version__'])
        return 0
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        advice = f'did you mean {near[0]!r}?' if near else 'see tmx --help'
        print(f'tmx: unknown command {name!r}; {advice}', file=sys.stderr)
        return 2
    try:
        return _run(name, COMMANDS[name].target, arguments)
    except ModuleNotFoundError as error:
        if '--debug' in arguments or (error.name or 'mmcv').split('.')[0] not in STACK:
            raise
        advice = '; pip install "tmx_plugin[mmlite]"' if error.name else ''
        print(f'tmx {name}: {error}{advice}', file=sys.stderr)
        return 1
    except SystemExit as end:
        if not end.code and {'-h', '--help'} & {*arguments}:
            with suppress(BrokenPipeError):  # tmx COMMAND --help | head
                print(f'\nexample:\n  tmx {name} {COMMANDS[name].example}'.rstrip(), flush=True)
        raise


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f'  {name:{width}}  {command.summary}' for name, command in COMMANDS.items()]
    configs = sorted(path.stem for path in (ROOT / 'configs' / 'temporalmaxer').glob('*.py'))
    return USAGE.format(commands='\n'.join(lines), configs=', '.join(configs))


def _run(name: str, target: str, arguments: Sequence[str]) -> int:
    """Call ``main()`` of a module of this package or of a tool, under the command's name."""
    sys.argv = [f'tmx {name}', *arguments]
    if not target.endswith('.py'):
        return importlib.import_module(f'.{target}', __package__).main()
    script = ROOT / 'tools' / target
    sys.path.insert(0, str(script.parent))  # as Python does for a script
    spec = importlib.util.spec_from_file_location(f'tmx_tool_{script.stem}', script)
    assert spec is not None and spec.loader is not None  # it is a .py file
    tool = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = tool
    spec.loader.exec_module(tool)
    return tool.main()
