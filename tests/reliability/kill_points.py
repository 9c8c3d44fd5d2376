# SPDX-License-Identifier: Apache-2.0
"""Kill a tool at its file operations: every one of them, or a sample.

A point is a moment just before a file operation below the working folder (an opening for writing,
a renaming, a removal, a new folder), or just after an opening that empties a file. Each attempt runs
in a fork of this process, which has imported everything, so that it takes a second or two.
"""
import builtins
import importlib.util
import io
import os
import signal
import sys
import traceback
from pathlib import Path

_CHANGING = {'os.rename', 'os.remove', 'os.mkdir', 'os.rmdir', 'os.truncate', 'os.link',
             'os.symlink'}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def load_main(path):
    """``main`` of a tool, without running it."""
    spec = importlib.util.spec_from_file_location(f'killed_{Path(path).stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


class Counter:
    """Counts points below ``folder`` in this process and kills it at number ``target``."""

    def __init__(self, folder, target=None):
        self.folder, self.target, self.seen = str(Path(folder).resolve()), target, []
        self.owner = os.getpid()

    def install(self):
        sys.addaudithook(self.audit)
        original = builtins.open

        def watched(file, mode='r', *args, **kwargs):
            opened = original(file, mode, *args, **kwargs)
            if 'w' in mode:
                self.point('after open', file)
            return opened

        builtins.open = io.open = watched

    def audit(self, event, args):
        changing = event in _CHANGING or event == 'open' and isinstance(args[2], int) and (
            args[2] & _WRITING)
        if changing:
            self.point(event, args[0])

    def point(self, event, path):
        if not isinstance(path, (str, os.PathLike)) or os.getpid() != self.owner:
            return
        path = os.path.abspath(path)
        if not path.startswith(self.folder + os.sep):
            return
        self.seen.append(f'{event} {os.path.relpath(path, self.folder)}')
        if len(self.seen) - 1 == self.target:
            os.kill(os.getpid(), signal.SIGKILL)


def run(main, argv, cwd, target=None):
    """Run a tool in a fork, in a folder of its own.

    Returns:
        tuple[int, list[str]]: Exit status (-9 if killed) and the points that it came to.
    """
    points = Path(cwd, '..', f'{Path(cwd).name}.points').resolve()
    child = os.fork()
    if child == 0:
        status = 99
        try:
            os.chdir(cwd)
            log = os.open(f'{cwd}.log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            counter = Counter(cwd, target)
            counter.install()
            status = main([str(arg) for arg in argv]) or 0
            points.write_text('\n'.join(counter.seen))
        except SystemExit as error:
            status = error.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    seen = points.read_text().splitlines() if points.exists() else []
    points.unlink(missing_ok=True)
    return os.waitstatus_to_exitcode(status), seen
