# SPDX-License-Identifier: Apache-2.0
"""How a run saves, whatever its config calls the hook, and what older torch says of its files."""

import logging
import os

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from tmx_plugin.engine import launch
from tmx_plugin.engine.hooks import AtomicCheckpointHook
from tmx_plugin.errors import CheckpointError
from tmx_plugin.models.checkpoint_file import load_checkpoint_file
from tmx_plugin.utils.files import WriteError

WARNING = (
    'CheckpointHook of mmengine.hooks.checkpoint_hook removes an old checkpoint before the new one '
    "is safe on the disk. Put default_hooks = dict(checkpoint=dict(type='AtomicCheckpointHook', "
    '...)) into the config, with the same arguments.'
)


@pytest.mark.parametrize(
    'hook,atomic',
    [
        (None, True),  # MMEngine's default
        (dict(type='CheckpointHook', max_keep_ckpts=1), True),
        (dict(type='mmaction.CheckpointHook'), True),
        (dict(type='AtomicCheckpointHook'), True),
        (dict(type='mmengine.CheckpointHook', max_keep_ckpts=1), False),
    ],
)
def test_the_hook_that_keeps_a_checkpoint_until_the_next_is_safe(tiny, caplog, hook, atomic):
    cfg = Config.fromfile(tiny.config)
    if hook is None:
        del cfg.default_hooks['checkpoint']
    else:
        cfg.default_hooks['checkpoint'] = dict(_delete_=True, **hook)
        del cfg.default_hooks.checkpoint['_delete_']
    runner = Runner.from_cfg(cfg)
    (found,) = (each for each in runner.hooks if isinstance(each, CheckpointHook))
    assert isinstance(found, AtomicCheckpointHook) == atomic
    runner.logger.addHandler(caplog.handler)
    runner.call_hook('before_run')
    runner.call_hook('after_run')
    warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert (WARNING in warnings) != atomic


def test_a_copy_of_a_config_is_whole_or_not_there(tmp_path, monkeypatch):
    config = Config(dict(a=1))
    config.dump(tmp_path / 'x.py')
    assert (tmp_path / 'x.py').read_text() == 'a = 1\n' and config.dump() == 'a = 1\n'
    (tmp_path / 'folder').write_text('not one')
    with pytest.raises(WriteError, match='could not write .*x.py: (File exists|Not a directory)'):
        config.dump(tmp_path / 'folder' / 'x.py')
    monkeypatch.setattr(Config, 'pretty_text', property(lambda self: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        config.dump(tmp_path / 'x.py')
    assert (tmp_path / 'x.py').read_text() == 'a = 1\n'
    assert sorted(path.name for path in tmp_path.iterdir()) == ['folder', 'x.py']


@pytest.mark.parametrize(
    'state,name',
    [
        (dict(loss=HistoryBuffer([1.0], [1])), 'mmengine.logging.history_buffer.HistoryBuffer'),
        (dict(score=np.float64(1)), 'numpy._core.multiarray.scalar'),
        (dict(ids=np.arange(3)), 'numpy._core.multiarray._reconstruct'),
    ],
)
def test_older_torch_says_how_to_read_mmengines_own_checkpoints(tmp_path, monkeypatch, state, name):
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(state_dict={}, message_hub=state), path)
    assert load_checkpoint_file(path)['message_hub'].keys() == state.keys()
    monkeypatch.setattr(torch, '__version__', '2.5.1')
    with pytest.raises(CheckpointError) as error:
        load_checkpoint_file(path)
    assert str(error.value).replace('numpy.core', 'numpy._core') == (
        f'{path} is not a checkpoint that can be read safely: it asks for {name}, expected tensors '
        "and plain data only (MMEngine's own checkpoints can be read safely from torch 2.6 on, "
        'this is 2.5.1; to test with one here, write its weights there with '
        'tools/convert/released_checkpoint.py); nothing of it was run'
    )


def test_a_log_without_room_prints_no_traceback(tmp_path, capsys):
    logger = logging.getLogger('full')
    with open('/dev/full', 'w') as full:
        logger.addHandler(logging.StreamHandler(full))
        with launch.explained_end(tmp_path):
            logger.warning('x' * 10_000)
        assert capsys.readouterr().err == ''
        logger.warning('x' * 10_000)
        assert 'Logging error' in capsys.readouterr().err  # elsewhere as ever
        logger.handlers.clear()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
