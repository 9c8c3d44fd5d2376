# SPDX-License-Identifier: Apache-2.0
"""Runs scripts in forks of one process that has imported the package: no seconds of imports each.

``python fork_server.py REPOSITORY`` serves requests, one line of json each way. A fork is a process
of its own, with its folder, environment, arguments, output and exit status; only what the
interpreter does at its start (its options, imports of the package) cannot be tested so.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

TIMEOUT = 300  # seconds of a script


class ForkServer:
    """Starts the process when it is first needed."""

    def __init__(self, repo: Path) -> None:
        self.repo, self.process = repo, None

    def run(self, script, *arguments, cwd, env=None) -> subprocess.CompletedProcess:
        """Run a Python script, given by its path or relative to the repository.

        Args:
            script (str | Path): What to run.
            *arguments: Its arguments; ``str`` is called on each.
            cwd (Path): Its working folder.
            env (dict, optional): Variables to set beside those of this process.
        """
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(self.repo)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, 'OMP_NUM_THREADS': '1', 'COLUMNS': '100'},
            )
        script = str(self.repo / script)
        request = dict(script=script, arguments=[*map(str, arguments)], cwd=str(cwd), env=env or {})
        print(json.dumps(request), file=self.process.stdin, flush=True)
        status, stdout, stderr = json.loads(self.process.stdout.readline())
        return subprocess.CompletedProcess([script, *arguments], status, stdout, stderr)

    def tmx(self, *arguments, cwd, env=None) -> subprocess.CompletedProcess:
        """Run the command ``tmx``."""
        return self.run('tmx_start.py', *arguments, cwd=cwd, env=env)

    def close(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


def run_script(request: dict) -> None:
    """What a fork does; does not return."""
    status = 1
    try:
        signal.alarm(TIMEOUT)
        os.chdir(request['cwd'])
        os.environ.update(request['env'])
        sys.argv = [request['script'], *request['arguments']]
        sys.path[:0] = [
            str(Path(request['script']).parent),
            *filter(None, request['env'].get('PYTHONPATH', '').split(os.pathsep)),
        ]
        runpy.run_path(request['script'], run_name='__main__')
        status = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        else:
            status = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def serve(repo: str) -> None:
    """Answer requests until there are no more."""
    sys.path.insert(0, repo)
    requests, answers = sys.stdin, os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # what imports print is no answer
    import tmx_plugin.apis  # noqa: F401  once, for all forks

    for line in requests:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                run_script(json.loads(line))
            _, status = os.waitpid(child, 0)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode(errors='replace'))
        print(
            json.dumps([os.waitstatus_to_exitcode(status), *texts]),
            file=answers,
            flush=True,
        )


if __name__ == '__main__':
    serve(sys.argv[1])
