# SPDX-License-Identifier: Apache-2.0
"""Build of the distribution ``tmx_plugin``; metadata is here, tool settings in pyproject.toml."""

import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
#: What only the development of this package needs; these two read files that are not shipped.
DEVELOPMENT = ('measurements', 'benchmark.py', 'parity.py')
#: What mim looks for in ``PACKAGE/.mim``: configs and tools by name, and the indexes.
MIM_PARTS = ('configs', 'tools', 'model-index.yml', 'dataset-index.yml')


def copy_mim_parts(package: Path) -> None:
    """Copy configs, tools and indexes to ``package/.mim``."""
    target = package / '.mim'
    shutil.rmtree(target, ignore_errors=True)
    for name in MIM_PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, target / name, ignore=shutil.ignore_patterns('__pycache__', *DEVELOPMENT)
            )
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


class BuildWithMim(build_py):
    """Adds ``.mim`` to what is built; the source tree stays as it is."""

    def run(self):
        # build/ outlives a build: without this, files deleted since would be shipped.
        shutil.rmtree(os.path.join(self.build_lib, 'tmx_plugin'), ignore_errors=True)
        super().run()
        if not getattr(self, 'editable_mode', False):
            copy_mim_parts(Path(self.build_lib) / 'tmx_plugin')


class SdistWithMim(sdist):
    """Adds ``.mim`` to the source distribution, where ``mim search --remote`` looks for it."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        copy_mim_parts(Path(base_dir) / 'tmx_plugin')


def read(path: str) -> str:
    file = ROOT / path
    return file.read_text(encoding='utf-8') if file.is_file() else ''


def values(path: str) -> dict:
    """Names that a file of plain assignments defines, without importing the package and torch."""
    scope = {}
    exec(read(path), scope)
    return scope


SUPPORTED = values('tmx_plugin/supported.py')
requirement = SUPPORTED['requirement']

# mmcv and mmcv-lite overwrite each other, and so do mmengine and its forks: none of them is forced
# on anybody. The extra "mmlite" is for environments without; mmcv and mmcv-lite bring mmengine.
MMLITE = [requirement('mmcv', 'mmcv-lite')]
# openmim needs pkg_resources, which newer setuptools no longer has.
MIM = ['openmim>=0.3.9', 'setuptools<81']
VIDEO = ['av>=14.2']
RAFT = ['torchvision']  # optical flow; has to fit the installed torch
H5 = ['h5py>=3.0']
ONNX = ['onnx>=1.14', 'onnxruntime>=1.15']
TENSORBOARD = ['tensorboard>=2.10']
# From version 8 on importlib_metadata, once imported, keeps FiftyOne from being imported.
FIFTYONE = ['fiftyone', 'importlib_metadata<8']
TEST = [
    'pytest>=7.4',
    'pytest-cov>=4.0',
    'hypothesis>=6.80',
    'psutil',
    'label-studio-sdk>=1.0',
    'build',
    'wheel',
    'selenium>=4.15',
    *MMLITE,
    *MIM,
    *VIDEO,
    *H5,
    *ONNX,
    *TENSORBOARD,
]

setup(
    name='tmx_plugin',
    version=values('tmx_plugin/version.py')['__version__'],
    description='TemporalMaxer for MMAction2: temporal action localization with max-pooling only',
    long_description=read('README.md'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires=f'>={SUPPORTED["PYTHON"][0]}',
    packages=find_packages(include=['tmx_plugin', 'tmx_plugin.*']),
    py_modules=['tmx_start'],
    entry_points=dict(console_scripts=['tmx = tmx_start:main']),
    include_package_data=True,
    install_requires=[
        requirement('torch'),
        requirement('numpy'),
        requirement('mmaction2'),
        # imported by MMAction2 1.2.0, which does not declare it
        'importlib_metadata',
        'matplotlib>=3.7',
        'jinja2>=3.0',
        'rich>=12.0',
        'plotly>=5.18',
        'defusedxml>=0.7',
    ],
    extras_require=dict(
        mmlite=MMLITE,
        mim=MIM,
        video=VIDEO,
        raft=RAFT,
        h5=H5,
        onnx=ONNX,
        tensorboard=TENSORBOARD,
        wandb=['wandb'],
        fiftyone=FIFTYONE,
        test=TEST,
        dev=[
            *TEST,
            'ruff>=0.17,<0.18',
            'import-linter>=2.9',
            'mypy>=1.10',
            'sphinx>=7',
            'myst-parser>=2',
            'furo',
        ],
    ),
    cmdclass=dict(build_py=BuildWithMim, sdist=SdistWithMim),
    zip_safe=False,
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
)
