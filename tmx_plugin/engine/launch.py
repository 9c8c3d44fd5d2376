# SPDX-License-Identifier: Apache-2.0
"""What tools/train.py and tools/test.py share: from a config's path to a finished run."""

import errno
import logging
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner

from ..errors import LaunchError
from ..utils.config_files import read_config_file
from ..utils.devices import use_device
from ..utils.files import WriteError, write_error
from ..utils.memory import keep_freed_memory
from .settings import require_valid
from .work_dir import checkpoints, lock

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def find_config(name: str, root: Path) -> Path:
    """Path of a config given by path, by path below ``root``, or by its bare name.

    Args:
        name (str): ``configs/temporalmaxer/thumos_i3d.py``, also from another directory, or
            ``thumos_i3d``.
        root (Path): Folder that holds ``configs/``.

    Raises:
        LaunchError: There is no such config; the message lists those there are.
    """
    for path in (Path(name), root / name):
        if path.is_file():
            return path
    known = sorted((root / 'configs' / 'temporalmaxer').glob('*.py'))
    for path in known:
        if Path(name).name in (path.stem, path.name):
            return path
    raise LaunchError(
        f'There is no config {name} (looked in {Path.cwd()} and {root}); known are '
        f'{", ".join(path.stem for path in known)}.'
    )


def read_config(name: str, root: Path, cfg_options: Optional[dict] = None) -> Config:
    """Read the config that :func:`find_config` finds, with the options of a command line.

    Raises:
        LaunchError: There is no such config.
        ConfigError: It cannot be read, or an option does not fit it.
    """
    return read_config_file(find_config(name, root), cfg_options)


def load_config(args, root: Path) -> Config:
    """Read a config and apply the options that training and testing have in common.

    Args:
        args (argparse.Namespace): With ``config``, ``work_dir``, ``cfg_options``, ``device``,
            ``launcher`` and ``local_rank``.
        root (Path): Folder that holds ``configs/``.

    Returns:
        Config: With ``work_dir`` (option, else config, else ``work_dirs/CONFIG_NAME``) and
        ``launcher`` set.
    """
    cfg = read_config(args.config, root, args.cfg_options)
    cfg.launcher = infer_launcher(args.launcher)
    if args.device is not None and ':' in args.device and cfg.launcher != 'none':
        raise LaunchError(
            f'--device {args.device}: each of several processes takes a device of '
            'its own; give cpu or cuda without a number'
        )
    use_device(args.device)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', Path(args.config).stem)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return cfg


def infer_launcher(launcher: str) -> str:
    """``'pytorch'`` if none was named but torchrun started this process, else as named."""
    started = {'RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'} <= os.environ.keys()
    return 'pytorch' if launcher == 'none' and started else launcher


def hold_work_dir(cfg: Config, must_resume: bool = False) -> None:
    """Keep other trainings out of the work directory, before anything is written there.

    Args:
        cfg (Config): With ``work_dir``.
        must_resume (bool): Whether there must be a checkpoint in it. Defaults to False.

    Raises:
        LaunchError: Another training runs there, or there is no checkpoint.
    """
    if (
        must_resume
        and not checkpoints(cfg.work_dir)
        and 'out_dir' not in (cfg.get('default_hooks', {}).get('checkpoint') or {})
    ):
        raise LaunchError(
            f'There is no checkpoint in {cfg.work_dir} to resume from. To start anew '
            'where there is none, say --resume auto.'
        )
    if int(os.environ.get('RANK', 0)) == 0:
        lock(cfg.work_dir)


@contextmanager
def explained_end(work_dir, training: bool = False):
    """Say of an error of the system in the block what could not be written, and what is left.

    Lines of a log that have no room are lost without a traceback.

    Args:
        work_dir (str): Folder of the run.
        training (bool): Whether to name the checkpoint that can be gone on from.

    Raises:
        WriteError: In the place of an error that concerns writing.
    """
    shown, logging.raiseExceptions = logging.raiseExceptions, False  # a log that has no room
    try:
        yield
    except OSError as error:
        inside = isinstance(error.filename, str) and Path(work_dir).resolve() in (
            Path(error.filename).resolve().parents
        )
        if not (isinstance(error, WriteError) or inside or error.errno in _NO_ROOM):
            raise
        if not isinstance(error, WriteError):
            error = write_error(error.filename or f'to {work_dir}', error)
        if training:
            found = checkpoints(work_dir)
            error.strerror = (error.strerror or '') + (
                f'; the last good checkpoint is {found[0]}'
                if found
                else ('; there is no checkpoint yet')
            )
        raise error from None
    finally:
        logging.raiseExceptions = shown


def prepare_cpu(cfg: Config) -> None:
    """Let several processes work together without a GPU.

    MMEngine would select a GPU by the local rank; it leaves an initialized process group alone,
    and ``device_ids=None`` tells the model wrapper that the model is on the CPU.
    """
    if cfg.launcher == 'none' or get_device() == 'cuda':
        return
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )


def use_mixed_precision(cfg: Config) -> None:
    """Train in float16 with loss scaling on a GPU, in bfloat16 on a CPU."""
    if get_device() == 'cuda':
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    else:
        cfg.optim_wrapper.type = 'CPUAmpOptimWrapper'


def build_runner(cfg: Config) -> Runner:
    """Build the runner of a config, on whatever devices there are.

    Raises:
        ConfigError: Settings are wrong; the message lists all of them.
    """
    require_valid(cfg)
    prepare_cpu(cfg)
    if get_device() == 'cpu':
        keep_freed_memory()
    if 'runner_type' in cfg:
        from mmaction.registry import RUNNERS

        return RUNNERS.build(cfg)
    return Runner.from_cfg(cfg)
