# SPDX-License-Identifier: Apache-2.0
"""The text of a config for data of one's own, with the reason of each value."""

import os
from pathlib import Path

from mmengine.config import Config

from tmx_plugin.checker.own_data import BATCH_SIZE, MAX_WINDOW, OwnData
from tmx_plugin.utils.package_files import CONFIG_ROOT

_DATA = """# Written by tmx init. Train: tmx train {name}; look at the data: tmx check {name}
# {summary}

# ---- data -----------------------------------------------------------------------------------
dataset = dict(
    type='TALDataset',
{dataset})
train_dataloader = dict(
    batch_size={batch_size},
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        **dataset,
        subset={train!r},
        pipeline=[
            dict(type='LoadFeatures'),
            dict(type='SegmentsToGrid'),
            # {window_why}
            dict(type='RandomTruncation', max_seq_len={window}, trunc_thresh=0.5),
            dict(type='PackTALInputs'),
        ]))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        **dataset,
        subset={val!r},
        test_mode=True,
        pipeline=[dict(type='LoadFeatures'), dict(type='PackTALInputs')]))
test_dataloader = val_dataloader
val_evaluator = dict(type='TALMetric', tiou_thresholds=[0.3, 0.4, 0.5, 0.6, 0.7])
test_evaluator = val_evaluator

"""
#: Keys of the base config that the text above replaces.
_OWN = (
    'train_dataloader',
    'val_dataloader',
    'test_dataloader',
    'val_evaluator',
    'test_evaluator',
    'work_dir',
)
_SECTIONS = {
    'model': ('model',),
    'schedule': (
        'optim_wrapper',
        'param_scheduler',
        'train_cfg',
        'val_cfg',
        'test_cfg',
        'auto_scale_lr',
        'default_hooks',
    ),
}


def config_text(data: OwnData, out: Path) -> str:
    """A whole config, which needs no other file.

    Args:
        data (OwnData): What the data are.
        out (Path): Where the config will lie.
    """
    base = Config.fromfile(CONFIG_ROOT / 'configs' / 'temporalmaxer' / 'custom.py')
    _set_model(base.model, data)
    _set_schedule(base, data)
    text = _DATA.format(
        name=out.name,
        summary=_summary(data),
        dataset=_dataset_lines(data.dataset, out),
        batch_size=BATCH_SIZE,
        train=data.train_subset,
        val=data.val_subset,
        window=data.window,
        window_why=_window_reason(data),
    )
    reasons = {'model': _model_reasons(data), 'schedule': _schedule_reasons(data)}
    names = {name for section in _SECTIONS.values() for name in section}
    rest = [key for key in base if key not in names and key not in _OWN and _is_setting(key)]
    for title, keys in {**_SECTIONS, 'runtime': rest}.items():
        text += f'# ---- {title} {"-" * (86 - len(title))}\n'
        text += ''.join(f'# {line}\n' for line in reasons.get(title, ()))
        text += Config({key: base[key] for key in keys if key in base}).pretty_text.strip() + '\n\n'
    return text + "work_dir = './work_dirs/{{ fileBasenameNoExtension }}'\n"


def _is_setting(key: str) -> bool:
    """Whether a key is read by the runner, and no variable of the config's text."""
    return key in (
        'custom_imports',
        'default_scope',
        'env_cfg',
        'log_processor',
        'log_level',
        'vis_backends',
        'visualizer',
        'find_unused_parameters',
        'load_from',
        'resume',
    )


def _set_model(model, data: OwnData) -> None:
    model.neck.update(
        in_channels=data.in_channels, out_channels=data.width, num_levels=len(data.ranges)
    )
    model.head.update(
        num_classes=data.num_classes,
        in_channels=data.width,
        feat_channels=data.width,
        regression_ranges=data.ranges,
        loss_normalizer=data.positives,
    )
    if not data.scripted:
        model.head.class_prior = None
    kept = max(200, 10 * data.max_segments)
    model.test_cfg.update(max_seg_num=kept, pre_nms_topk=max(2000, 2 * kept))


def _set_schedule(base, data: OwnData) -> None:
    warm_up = max(data.epochs // 10, 1)
    base.optim_wrapper.optimizer.lr = 1e-4 if data.width == 512 else 1e-3
    base.param_scheduler[0].update(begin=0, end=warm_up)
    base.param_scheduler[1].update(begin=warm_up, end=data.epochs)
    base.train_cfg.update(
        max_epochs=data.epochs, val_begin=1, val_interval=max(data.epochs // 10, 1)
    )
    steps = data.epochs * data.steps_per_epoch
    base.default_hooks.ema.momentum = min(max(round(20 / steps, 4), 0.001), 0.02)


def _summary(data: OwnData) -> str:
    return (
        f'{len(data.lengths)} training videos of {data.lengths.min()} to {data.lengths.max()} '
        f'features, {len(data.coverage.half_length)} segments of {data.num_classes} classes'
    )


def _window_reason(data: OwnData) -> str:
    whole = float((data.lengths <= data.window).mean())
    limit = f', at most {MAX_WINDOW}' if data.window >= MAX_WINDOW else ''
    return (
        f'{whole:.0%} of the videos are whole; 99 % of the segments are at most '
        f'{data.longest:.0f} long{limit}'
    )


def _model_reasons(data: OwnData) -> list:
    matched = float(data.coverage.matched.mean())
    return [
        f'in_channels {data.in_channels}: the features; width {data.width}: narrow features need '
        'no wide network',
        f'num_levels {len(data.ranges)}: ranges that double from 4 grid steps until they reach '
        f'half of {data.longest:.0f},',
        f'  the length of the longest segments; {matched:.1%} of the segments have a point that '
        'learns them',
        f'loss_normalizer {data.positives}: points of a batch that learn a class, counted on these '
        'annotations',
        f'class_prior {"on" if data.scripted else "None"}: the number of segments of a class in a '
        f'video has {data.dispersion:.2g} times the',
        '  variance of chance; below 1 videos follow a script, and what a class does in the others '
        'helps',
        f'max_seg_num: ten times the most segments of a video ({data.max_segments}), at least 200',
    ]


def _schedule_reasons(data: OwnData) -> list:
    steps = data.epochs * data.steps_per_epoch
    return [
        f'{data.epochs} epochs of {data.steps_per_epoch} steps: {steps} in all, a tenth of them '
        'warm-up',
        'lr: 1e-4 for width 512 as published, 1e-3 for narrower networks',
        'ema.momentum: weights averaged over about the last twentieth of the steps',
    ]


def _dataset_lines(dataset: dict, out: Path) -> str:
    values = {
        **dataset,
        'ann_file': _portable(dataset['ann_file'], out),
        'data_prefix': dict(feats=_portable(dataset['data_prefix']['feats'], out)),
    }
    if dataset['class_file']:
        values['class_file'] = _portable(dataset['class_file'], out)
    return ',\n'.join(f'    {key}={value!r}' for key, value in values.items())


def _portable(path: str, out: Path) -> str:
    """Relative to the config's folder where it lies below it, so that both can be moved."""
    folder = out.resolve().parent
    inside = Path(path).is_relative_to(folder)
    return (
        f'{{{{ fileDirname }}}}/{Path(os.path.relpath(path, folder)).as_posix()}'
        if inside
        else path
    )
