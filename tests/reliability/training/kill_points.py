# SPDX-License-Identifier: Apache-2.0
"""Disturb a tool at its file operations: kill it, fill its disk, or ask it to end.

``python kill_points.py REPOSITORY`` serves requests, one line of json each way.

A point is a moment just before a file operation below the working folder (an opening for
writing, a renaming, a removal, a new folder), or just after an opening that empties a file. Each
attempt runs in a fork of this process, which has imported everything: a second or two.
"""

import builtins
import errno
import importlib.util
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import traceback
from pathlib import Path

_CHANGING = {
    'os.rename',
    'os.remove',
    'os.mkdir',
    'os.rmdir',
    'os.truncate',
    'os.link',
    'os.symlink',
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def load_main(path):
    """``main`` of a tool, without running it."""
    spec = importlib.util.spec_from_file_location(f'killed_{Path(path).stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


class Counter:
    """Counts points below ``folder`` in this process and does ``what`` at number ``target``."""

    def __init__(self, folder, target=None, what='kill'):
        self.folder, self.target, self.seen = str(Path(folder).resolve()), target, []
        self.what = what
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
        if event in ('os.remove', 'os.rmdir') and args[1] != -1:
            return  # a name inside an open folder: one that is removed as a whole
        changing = (
            event in _CHANGING
            or event == 'open'
            and isinstance(args[2], int)
            and (args[2] & _WRITING)
        )
        if changing:
            self.point(event, args[0])

    def point(self, event, path):
        if not isinstance(path, (str, os.PathLike)) or os.getpid() != self.owner:
            return
        path = os.path.abspath(path)
        if not path.startswith(self.folder + os.sep):
            return
        self.seen.append(f'{event} {os.path.relpath(path, self.folder)}')
        if self.what in ('kill', 'terminate'):
            if (
                str(self.target) in self.seen[-1]
                if isinstance(self.target, str)
                else len(self.seen) - 1 == self.target
            ):
                self.target = None
                os.kill(os.getpid(), signal.SIGKILL if self.what == 'kill' else signal.SIGTERM)
        elif self.what == 'remove':
            if len(self.seen) - 1 == self.target:
                shutil.rmtree(Path(self.folder, 'out'), ignore_errors=True)
        elif event == 'open' and self.target is not None and len(self.seen) > self.target:
            # as the system says it, from this point on
            number = getattr(errno, self.what)
            raise OSError(number, os.strerror(number), path)


class Disk:
    """A small disk under the folder ``out`` of a run, and a limit on the size of its files.

    Args:
        cwd (Path): Where the tool runs.
        size (str, optional): Size of the disk, as mount takes it. It needs a mount namespace of
            the server's own; what was on the disk stays in ``out`` afterwards.
        read_only (bool): Whether nothing may be written there.
        file_limit (int, optional): Most bytes of a file.
    """

    def __init__(self, cwd, size=None, read_only=False, file_limit=None):
        self.out, self.size, self.file_limit = Path(cwd, 'out'), size, file_limit
        if size is not None:
            self.out.mkdir()
            mode = ',ro' if read_only else ''
            command = ['mount', '-t', 'tmpfs', '-o', f'size={size}{mode}', 'tmpfs', str(self.out)]
            subprocess.run(command, check=True)

    def limit(self):
        """Set the limit on files, in the process of the tool."""
        if self.file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.file_limit, resource.RLIM_INFINITY))

    def remove(self):
        """Take the disk away and leave a copy of its files."""
        if self.size is not None:
            copy = self.out.with_name('copy_of_out')
            shutil.copytree(self.out, copy)
            subprocess.run(['umount', '--lazy', str(self.out)], check=True)
            self.out.rmdir()
            copy.rename(self.out)


def run(main, argv, cwd, target=None, what='kill', disk=None):
    """Run a tool in a fork, in a folder of its own.

    Args:
        main (Callable): ``main`` of the tool.
        argv (list): Its arguments.
        cwd (Path): Where it runs. Its output is appended to ``CWD.log``.
        target (int | str, optional): Number of the point, or a part of its name.
        what (str): ``'kill'``, ``'terminate'``, ``'remove'`` (of the folder ``out``), or the name
            of an error such as ``'ENOSPC'``.
        disk (dict, optional): Arguments of :class:`Disk`.

    Returns:
        tuple[int, list[str]]: Exit status (-9 if killed) and the points that it came to.
    """
    cwd = Path(cwd)
    points = Path(cwd, '..', f'{Path(cwd).name}.points').resolve()
    disk = Disk(cwd, **(disk or {}))
    # Through a pipe, so that limits on files do not concern what is printed.
    with open(f'{cwd}.log', 'ab') as log:
        printer = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=log)
    child = os.fork()
    if child == 0:
        status = 99
        try:
            os.chdir(cwd)
            os.dup2(printer.stdin.fileno(), 1)
            os.dup2(printer.stdin.fileno(), 2)
            counter = Counter(cwd, target, what)
            counter.install()
            disk.limit()
            status = main([str(arg) for arg in argv]) or 0
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            points.write_text('\n'.join(counter.seen))
        except SystemExit as error:
            status = error.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    printer.stdin.close()
    printer.wait()
    disk.remove()
    seen = points.read_text().splitlines() if points.exists() else []
    points.unlink(missing_ok=True)
    return os.waitstatus_to_exitcode(status), seen


def serve(repo):
    """Answer requests for tools of the repository until there are no more."""
    sys.path.insert(0, str(repo))
    import tmx_plugin.apis  # noqa: F401  once, for all forks

    mains = {}
    print('ready', flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        tool = request['tool']
        main = mains.setdefault(tool, mains.get(tool) or load_main(Path(repo, 'tools', tool)))
        log = Path(f'{request["cwd"]}.log')
        log.unlink(missing_ok=True)
        status, points = run(
            main,
            request['argv'],
            request['cwd'],
            request['target'],
            request['what'],
            request['disk'],
        )
        print(
            json.dumps(dict(status=status, points=points, output=log.read_text(errors='replace'))),
            flush=True,
        )


if __name__ == '__main__':
    serve(sys.argv[1])
