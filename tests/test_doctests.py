# SPDX-License-Identifier: Apache-2.0
"""The examples in the docstrings give what they show, and none that should be there is missing."""

import doctest
import importlib
import inspect
import pkgutil

import mmaction.registry
import mmengine.registry
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
NEED_EXAMPLES = (
    'tmx_plugin.structures',
    'tmx_plugin.evaluation',
    'tmx_plugin.models.task_modules',
)


@pytest.mark.parametrize('test', TESTS, ids=lambda test: test.name)
def test_example(test):
    result = doctest.DocTestRunner(optionflags=FLAGS).run(test)
    assert result.failed == 0 and result.attempted > 0


def public_functions():
    for module in MODULES:
        if module.__name__.startswith(NEED_EXAMPLES):
            for name, value in inspect.getmembers(module, inspect.isfunction):
                if value.__module__ == module.__name__ and not name.startswith('_'):
                    yield value


def registered_classes():
    registries = [
        value
        for module in (mmaction.registry, mmengine.registry)
        for value in vars(module).values()
        if isinstance(value, mmengine.registry.Registry)
    ]
    return {
        value
        for registry in registries
        for value in registry.module_dict.values()
        if value.__module__.startswith('tmx_plugin.')
    }


def test_every_function_and_registered_class_has_an_example():
    functions, classes = list(public_functions()), registered_classes()
    assert len(functions) > 50 and len(classes) > 30
    with_example = {test.name for test in TESTS}
    names = {f'{each.__module__}.{each.__qualname__}' for each in [*functions, *classes]}
    assert not sorted(names - with_example)


def test_there_are_examples():
    assert len(TESTS) >= 90
