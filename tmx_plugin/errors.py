# SPDX-License-Identifier: Apache-2.0
"""The errors a user can cause, and how a tool ends.

Every such error is a :class:`TmxError`, whose message says in one sentence or two which file,
which video, what was expected and what was found. Any other exception is a fault of the program.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Optional


class TmxError(ValueError):
    """Base of all errors whose message explains itself."""


class ConfigError(TmxError):
    """An option, an argument or a value of a config that cannot be used."""


class DataError(TmxError):
    """Annotations, features, videos or results that exist but cannot be used as they are."""


class FormatError(DataError):
    """A file that is not what its format promises.

    Args:
        path (str | Path): The file.
        expected (str): What belongs there.
        found (object): What is there instead.
        video (str, optional): The video concerned.
    """

    def __init__(self, path, expected: str, found, video: Optional[str] = None) -> None:
        where = f'{path}: ' + (f'video {video}: ' if video is not None else '')
        super().__init__(f'{where}expected {expected}, found {found}')


class NotFiniteError(TmxError):
    """A loss, a gradient or a prediction that is NaN or infinite."""


class MissingFileError(TmxError, FileNotFoundError):
    """A file or folder that does not exist."""


class MissingPackageError(TmxError, ModuleNotFoundError):
    """An optional package that is not installed; the message has the command that installs it."""


class CheckpointError(TmxError):
    """A file is not a checkpoint, or not one that can be used here."""


class CheckpointMismatchError(CheckpointError):
    """A checkpoint does not fit the model it is loaded into."""


class LaunchError(TmxError):
    """A run that cannot start as it was asked for."""


def run_tool(main: Callable, prog: str, args=None, *, failure: int = 1) -> int:
    """Run the body of a command-line tool and turn its errors into one sentence.

    Of the processes of a distributed run only the first prints; torchrun gets the sentence too.

    Args:
        main (Callable): Takes ``args``, or nothing where they are None; returns the exit status,
            or None for success.
        prog (str): Name of the tool, which every message starts with.
        args (argparse.Namespace, optional): With ``debug``, whether to print the traceback too.
        failure (int): Exit status of an explained error.

    Returns:
        int: 0 for success, ``failure`` for a :class:`TmxError` or an error of the operating
        system, 130 if interrupted; any other status is that of ``main``. (Usage errors end in
        argparse with 2.)

    Raises:
        SystemExit: Of status 143, at SIGTERM: half-written files are removed on the way out.
        Exception: Any other exception, as it is: a fault of the program, with its traceback.

    Example:
        >>> run_tool(lambda: None, 'demo')
        0
    """
    try:
        with _ended_by_sigterm():
            status = main() if args is None else main(args)
        sys.stdout.flush()  # a closed pipe is noticed here, not at the interpreter's exit
        return status or 0
    except KeyboardInterrupt:
        message, failure = 'interrupted', 130
    except BrokenPipeError:  # the reader, e.g. head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failure
    except (TmxError, OSError) as error:
        message = _sentence(error)
        if getattr(args, 'debug', False):
            traceback.print_exc()
    finally:
        is_first = _leave_process_group()
    message = f'{prog}: {message}'
    if is_first:
        print(message, file=sys.stderr, flush=True)
    _report_to_torchrun(message)
    return failure


@contextmanager
def _ended_by_sigterm():
    """Let SIGTERM end the block as an error does, and not the process on the spot."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def end(number, frame):
        if os.getpid() != owner:  # a forked worker, which has nothing to put in order
            os._exit(128 + number)
        raise SystemExit(128 + number)

    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous or signal.SIG_DFL)


def _sentence(error: Exception) -> str:
    """The message of an error, without the system's number or the traceback of a worker."""
    if isinstance(error, OSError) and error.strerror:
        path = error.filename2 or error.filename  # of a renaming, the new name
        return f'{path}: {error.strerror}' if path else error.strerror
    text = str(error)
    if 'Original Traceback' in text:  # as a data loader passes it on
        text = text.rpartition(f'{type(error).__name__}: ')[2].strip()
    return text


def _leave_process_group() -> bool:
    """End a distributed run, if any, and return whether this is its first process."""
    torch = sys.modules.get('torch')
    if torch is None or not (
        torch.distributed.is_available() and torch.distributed.is_initialized()
    ):
        return True
    is_first = torch.distributed.get_rank() == 0
    torch.distributed.destroy_process_group()
    return is_first


def _report_to_torchrun(message: str) -> None:
    """Give torchrun the sentence to end with, in place of advice on how to get a traceback."""
    file = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if file:
        content = dict(
            message=dict(
                message=message,
                extraInfo=dict(py_callstack=message, timestamp=str(int(time.time()))),
            )
        )
        Path(file).write_text(json.dumps(content), encoding='utf-8')
