# SPDX-License-Identifier: Apache-2.0
"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from fork_server import ForkServer

REPO = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get('TMX_SHARED', REPO.parent / 'shared'))


def pytest_configure(config):
    config.addinivalue_line('markers', 'slow: starts subprocesses or trains; runs last')
    config.addinivalue_line('markers', 'gpu: needs a CUDA device; skipped where there is none')


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker('slow') is not None)


def _folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f'reference material {folder} is not there (set TMX_SHARED to its parent)')
    return folder


@pytest.fixture(scope='session')
def repo() -> Path:
    """Root of the source tree."""
    return REPO


@pytest.fixture(scope='session')
def golden_dir() -> Path:
    """Numbers measured from the public reference implementations."""
    return _folder('golden')


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Real annotations, detections, videos and recordings."""
    return _folder('data')


@pytest.fixture(scope='session')
def forks():
    """Runs tools and ``tmx`` in processes that need not import everything first."""
    server = ForkServer(REPO)
    yield server
    server.close()
