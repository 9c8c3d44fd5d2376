# SPDX-License-Identifier: Apache-2.0
"""Print versions, devices and what is missing for which feature, to paste into an issue.

Nothing is changed and nothing is sent. Exit status: 0 if training and testing can run, 1 if not.
"""

import argparse
import importlib.util
import os
import platform
import runpy
import shutil
import sys
from importlib import metadata

from .commands import PACKAGE

#: Distributions that bring one module, the usual first; two of them overwrite each other.
SAME_MODULE = {
    'mmengine': ('mmengine', 'mmengine-lite', 'onedl-mmengine'),
    'mmcv': ('mmcv', 'mmcv-lite', 'onedl-mmcv', 'onedl-mmcv-lite'),
    'cv2': (
        'opencv-python',
        'opencv-python-headless',
        'opencv-contrib-python',
        'opencv-contrib-python-headless',
    ),
}
#: (feature, modules that it needs, what installs them).
FEATURES = [
    (
        'training, testing',
        ('torch', 'numpy', 'mmengine', 'mmcv', 'mmaction'),
        'pip install "tmx_plugin[mmlite]"',
    ),
    ('reading videos', ('av',), 'pip install "tmx_plugin[video]"'),
    ('.h5 features', ('h5py',), 'pip install "tmx_plugin[h5]"'),
    ('ONNX export and inference', ('onnx', 'onnxruntime'), 'pip install "tmx_plugin[onnx]"'),
    ('mim commands', ('mim', 'pkg_resources'), 'pip install "tmx_plugin[mim]"'),
    ('TensorBoard logs', ('tensorboard',), 'pip install "tmx_plugin[tensorboard]"'),
    ('Weights & Biases logs', ('wandb',), 'pip install "tmx_plugin[wandb]"'),
]


def main(argv=None) -> int:
    """Print what the head of this file says."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(argv)
    problems: list = []
    for title, lines in (
        ('versions', _versions(problems)),
        ('devices', _devices()),
        ('features', _features(problems)),
        ('package', _package(problems)),
    ):
        print(f'{title}\n' + '\n'.join(f'  {line}' for line in lines))
    print('problems\n' + '\n'.join(f'  {line}' for line in problems or ['none']))
    return int(bool(problems))


def _versions(problems: list) -> list:
    """Lines on Python and the packages that matter; adds what is outside the supported range."""
    supported = runpy.run_path(str(PACKAGE / 'supported.py'))
    ranges = {'python': supported['PYTHON'], **supported['RANGES']}
    lines = []
    for name, (first, limit) in ranges.items():
        found = _installed(name)
        wanted = f'>= {first}' + (f', < {limit}' if limit else '')
        lines.append(
            f'{name:10} {", ".join(f"{d} {v}" for d, v in found) or "missing":32} '
            f'(supported: {wanted})'
        )
        problems += [
            f'{distribution} {version} is not supported (expected {wanted})'
            for distribution, version in found
            if not _within(version, first, limit)
        ]
    for module, names in SAME_MODULE.items():
        found = [name for name in names if _version(name)]
        if len(found) > 1 and module != 'cv2':  # MMAction2 and mmcv require one each of OpenCV
            problems.append(
                f'{" and ".join(found)} overwrite each other: uninstall them and install one'
            )
    own = runpy.run_path(str(PACKAGE / 'version.py'))['__version__']
    return [f'tmx_plugin {own}', f'platform   {platform.platform()}', *lines]


def _installed(name: str) -> list:
    """Pairs (distribution, version) that bring a module."""
    if name == 'python':
        return [('CPython', platform.python_version())]
    names = SAME_MODULE.get(name, (name,))
    return [(each, version) for each in names if (version := _version(each))]


def _version(distribution: str):
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _within(version: str, first: str, limit) -> bool:
    numbers = _numbers(version)
    return _numbers(first) <= numbers and (limit is None or numbers < _numbers(limit))


def _numbers(version: str) -> tuple:
    """(2, 13, 0) of '2.13.0+cpu' and of '2.13.0rc1'."""
    parts = []
    for part in version.split('+')[0].split('.'):
        digits = part[: len(part) - len(part.lstrip('0123456789'))]
        if not digits:
            break
        parts.append(int(digits))
    return tuple(parts)


def _devices() -> list:
    lines = [f'cpu        {os.cpu_count()} processors, {platform.machine()}']
    try:
        import torch
    except Exception as error:  # a broken installation raises anything, of OSError too
        return [*lines, f'torch cannot be imported: {_sentence(error)}']
    lines += [
        f'cuda:{index}     {torch.cuda.get_device_name(index)}'
        for index in range(torch.cuda.device_count())
    ]
    if not torch.cuda.is_available():
        build = torch.version.cuda or torch.version.hip
        lines.append(
            'cuda       '
            + (
                f'none found (torch is built for {build})'
                if build
                else 'none (torch is built for the CPU)'
            )
        )
    if torch.backends.mps.is_available():
        lines.append('mps        available')
    return lines


def _features(problems: list) -> list:
    lines = []
    for number, (feature, modules, command) in enumerate(FEATURES):
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        state = f'missing {", ".join(missing)}: {command}' if missing else 'ok'
        lines.append(f'{feature:26} {state}')
        if missing and not number:
            problems.append(f'{feature}: {state}')
    ffmpeg = 'ok' if shutil.which('ffmpeg') else 'missing ffmpeg'
    return [*lines, f'{"mending video files":26} {ffmpeg}']


def _package(problems: list) -> list:
    """Whether the package can be imported, with the reason if not."""
    sys.path.insert(0, str(PACKAGE.parent))
    try:
        importlib.import_module('tmx_plugin')
    except Exception as error:  # it is the purpose of this command to name any of them
        problems.append(f'import tmx_plugin: {_sentence(error)}')
        return ['import tmx_plugin fails']
    import numpy
    import torch

    return [
        f'import tmx_plugin works (torch {torch.__version__}, numpy {numpy.__version__}, '
        f'{torch.get_num_threads()} threads)'
    ]


def _sentence(error: Exception) -> str:
    return f'{type(error).__name__}: {" ".join(str(error).split())}'
