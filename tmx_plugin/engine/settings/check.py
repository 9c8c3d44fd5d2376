# SPDX-License-Identifier: Apache-2.0
"""All that is wrong with a config, found at once and before anything is built."""

import inspect

from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ...errors import ConfigError
from ...models.task_modules.postprocess import PostProcessCfg
from .model import model_faults
from .parts import accepted, nearest, part_faults, shown, value_faults
from .rules import is_list
from .tables import REGISTRIES, SHARED, VALUES

#: Keys of parts that are no argument of their class but of the function that builds it.
_EXTRA = dict(
    optim_wrapper=('optimizer', 'constructor', 'paramwise_cfg'),
    param_scheduler=('convert_to_iter_based', 'by_epoch', 'begin', 'end', 'last_step', 'verbose'),
    train_cfg=('by_epoch',),
    default_hooks=('priority',),
    custom_hooks=('priority',),
    val_evaluator=('dataset_meta',),
    test_evaluator=('dataset_meta',),
)
#: Keys at the top that hold parts; any other is a variable of the config's own.
_SECTIONS = set(inspect.signature(Runner.__init__).parameters) & set(REGISTRIES)
#: Parts that run together or not at all.
_TOGETHER = (
    ('train_dataloader', 'train_cfg', 'optim_wrapper'),
    ('val_dataloader', 'val_cfg', 'val_evaluator'),
    ('test_dataloader', 'test_cfg', 'test_evaluator'),
)
_LISTS = {
    'pipeline',
    'datasets',
    'vis_backends',
    'custom_hooks',
    'param_scheduler',
    'val_evaluator',
    'test_evaluator',
}


def require_valid(cfg, parts: tuple = ('',)) -> None:
    """Raise a ConfigError that lists all faults of a config, if it has any.

    Args:
        cfg (Config): The config.
        parts (tuple[str]): Beginnings of the paths that matter; by default all do.
    """
    faults = [fault for fault in config_faults(cfg) if fault.startswith(parts)]
    name = getattr(cfg, 'filename', None) or 'the config'
    if faults:
        raise ConfigError(
            f'{name} has {len(faults)} wrong setting{"s" * (len(faults) > 1)}:\n  '
            + '\n  '.join(faults)
        )


def config_faults(cfg, safe: bool = False) -> list:
    """What is wrong with a config, without building anything or reading data.

    Args:
        cfg (Config): The config.
        safe (bool): Whether names of types must be registered ones: a dotted name is imported and
            called when the config is built, which can be any function.

    Returns:
        list[str]: A sentence a fault, ``PATH: expected ..., found ...``.
    """
    cfg = dict(cfg)
    faults = _near_misses(cfg) + _halves(cfg)
    if not isinstance(cfg.get('model'), dict):
        faults.append(
            f'model: expected a dict with the type of the model, found {shown(cfg.get("model"))}'
        )
    for key, value in cfg.items():
        if key in _SECTIONS and value is not None:
            faults += _section_faults(key, value, safe)
        elif key in ('train_dataloader', 'val_dataloader', 'test_dataloader') and value is not None:
            # Without a loop it only says where the data are.
            runs = cfg.get(key.replace('_dataloader', '_cfg')) is not None
            faults += _loader_faults(key, value, safe, runs)
        elif key in ('auto_scale_lr', 'randomness') and isinstance(value, dict):
            faults += _plain_faults(key, value)
    faults += model_faults(cfg) + (_import_faults(cfg) if safe else [])
    return list(dict.fromkeys(faults))


def _import_faults(cfg: dict) -> list:
    imports = (cfg.get('custom_imports') or {}).get('imports') or []
    imports = [imports] if isinstance(imports, str) else imports
    return [
        f'custom_imports: expected no package but tmx_plugin, found {name!r}, which is '
        'imported when the config is read'
        for name in imports
        if name != 'tmx_plugin'
    ]


def _near_misses(cfg: dict) -> list:
    """Names at the top that are nearly those the runner reads."""
    known = {name for name in inspect.signature(Runner.__init__).parameters if '_' in name}
    return [
        f'{key}: expected a name that is read, found {key!r}; did you mean {near!r}?'
        for key in cfg
        if key not in known
        and (near := nearest(key, known - set(cfg)))
        and len(key) > 6
        and sorted(key) == sorted(near)
    ]


def _halves(cfg: dict) -> list:
    faults = []
    for names in _TOGETHER:
        absent = [name for name in names if cfg.get(name) is None]
        # A model for inference needs the data set alone.
        if absent and len(absent) < len(names) and absent != [*names[1:]]:
            faults.append(
                f'{absent[0]}: expected a value, since {" and ".join(names)} go '
                'together, found none'
            )
    return faults


def _section_faults(path: str, value, safe: bool) -> list:
    """Faults of a part, or of a list or a dict of parts."""
    key = path.rpartition('.')[2].partition('[')[0]
    if key == 'default_hooks' and isinstance(value, dict):
        return [
            fault
            for name, hook in value.items()
            if hook is not None
            for fault in _typed_faults(f'{path}.{name}', key, hook, safe)
        ]
    if is_list(value) and key in _LISTS:
        return [
            fault
            for i, item in enumerate(value)
            for fault in _typed_faults(f'{path}[{i}]', key, item, safe)
        ]
    return _typed_faults(path, key, value, safe)


def _typed_faults(path: str, key: str, part, safe: bool) -> list:
    if not isinstance(part, dict):  # an object that was built before, in a script
        plain = (str, bytes, int, float, bool, list, tuple)
        return [f'{path}: expected a dict, found {shown(part)}'] if isinstance(part, plain) else []
    if key in ('train_cfg', 'val_cfg', 'test_cfg', 'optim_wrapper', 'log_processor'):
        part = {'type': _DEFAULT_TYPES.get(key), **part}
        if key == 'train_cfg' and part['type'] is None:
            part['type'] = (
                'EpochBasedTrainLoop'
                if part.get('by_epoch', 'max_iters' not in part)
                else 'IterBasedTrainLoop'
            )
    cls, faults = _resolve(path, key, part.get('type'), safe)
    if cls is None:
        return faults
    arguments = accepted(cls)
    arguments = arguments._replace(required=arguments.required - SHARED.get(key, set()))
    faults = part_faults(path, part, arguments, cls.__name__, _EXTRA.get(key, ()))
    for name, value in part.items():
        if key == 'model' and name in ('test_cfg', 'train_cfg') or value is None:
            continue
        if name in REGISTRIES:
            faults += _section_faults(f'{path}.{name}', value, safe)
        elif name == 'clip_grad':
            faults += _plain_faults(f'{path}.{name}', value)
    if key == 'model' and isinstance(part.get('test_cfg'), dict):
        faults += part_faults(
            f'{path}.test_cfg', part['test_cfg'], accepted(PostProcessCfg), 'the post-processing'
        )
    return faults


_DEFAULT_TYPES = dict(
    val_cfg='ValLoop',
    test_cfg='TestLoop',
    optim_wrapper='OptimWrapper',
    log_processor='LogProcessor',
)


def _resolve(path: str, key: str, kind, safe: bool) -> tuple:
    """The class that a type names, None where that is not known, and what is wrong with it."""
    registry = REGISTRIES[key]
    if isinstance(kind, type):
        return kind, []
    if not isinstance(kind, str) or not kind:
        return None, [f'{path}.type: expected the name of a registered class, found {shown(kind)}']
    scope, _, name = kind.rpartition('.')
    if scope and scope not in ('mmaction', 'mmengine'):
        found = f'{path}.type: expected the name of a registered class, found {kind!r}, which is '
        return None, [found + 'imported and called when the config is built'] if safe else []
    # A name of any other package's registry would be imported by the lookup.
    cls = registry.get(name)
    if cls is not None and key == 'class_prior' and 'num_labels' not in accepted(cls).names:
        return None, [f'{path}.type: expected a class prior, found {kind!r}']
    if cls is not None:
        return cls, []
    known, where = set(), registry
    while where is not None:
        known |= set(where.module_dict)
        where = where.parent
    near = nearest(name, known)
    return None, [
        f'{path}.type: expected the name of a registered class, found {kind!r}'
        + (f'; did you mean {near!r}?' if near else '')
    ]


def _loader_faults(path: str, loader, safe: bool, runs: bool) -> list:
    if not isinstance(loader, dict):
        return (
            [f'{path}: expected a dict, found {shown(loader)}']
            if isinstance(loader, (str, int, float, list, tuple))
            else []
        )
    extra = (
        'dataset',
        'sampler',
        'batch_sampler',
        'worker_init_fn',
        'collate_fn',
        'num_batch_per_epoch',
    )
    faults = part_faults(path, loader, accepted(DataLoader), 'the data loader', extra)
    if loader.get('persistent_workers') is True and loader.get('num_workers') == 0:
        faults.append(
            f'{path}.persistent_workers: expected False where num_workers is 0, found True'
        )
    if runs and loader.get('batch_size') is None and not loader.get('batch_sampler'):
        faults.append(f'{path}.batch_size: expected a whole number of at least 1, found none')
    if loader.get('dataset') is None:
        faults.append(f'{path}.dataset: expected the config of a data set, found none')
    for name in ('dataset', 'sampler'):
        if loader.get(name) is not None:
            faults += _section_faults(f'{path}.{name}', loader[name], safe)
    return faults


def _plain_faults(path: str, part) -> list:
    """Faults of a part that is no class."""
    if not isinstance(part, dict):
        return [f'{path}: expected a dict, found {shown(part)}']
    rules = VALUES[path.rpartition('.')[2]]
    return [
        fault
        for key, value in part.items()
        if key in rules
        for fault in value_faults(f'{path}.{key}', value, rules[key])
    ]
