# SPDX-License-Identifier: Apache-2.0
"""The examples in the docstrings give what they show."""

import doctest
import importlib
import pkgutil

import pytest

import tmx_plugin

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
MODULES = [
    importlib.import_module(info.name)
    for info in pkgutil.walk_packages(tmx_plugin.__path__, 'tmx_plugin.')
    if not info.name.endswith('__main__')
]
TESTS = [
    test
    for module in MODULES
    for test in doctest.DocTestFinder().find(module)
    if any(doctest.SKIP not in example.options for example in test.examples)
]


@pytest.mark.parametrize('test', TESTS, ids=lambda test: test.name)
def test_example(test):
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test)
    assert result.failed == 0 and result.attempted > 0


def test_there_are_examples():
    assert len(TESTS) >= 90
