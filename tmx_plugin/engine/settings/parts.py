# SPDX-License-Identifier: Apache-2.0
"""What a class can be given, and what is wrong with what a config gives it."""

import difflib
import inspect
import typing
from typing import Optional

from .rules import BOOL, STRING, Rule, number, optional, whole
from .tables import GIVEN, VALUES

#: Keys that MMEngine itself takes out of a part.
_ENGINE_KEYS = {'type', '_scope_', '_delete_'}
_BY_ANNOTATION = {int: whole(), float: number(), bool: BOOL, str: STRING}


class Accepted(typing.NamedTuple):
    """Arguments of a class.

    Attributes:
        names (set): All of them.
        required (set): Those without a default.
        is_open (bool): Whether it also takes names that it does not tell.
        rules (dict[str, Rule]): What their values may be, as far as that is known.
    """

    names: set
    required: set
    is_open: bool
    rules: dict


def accepted(cls: type) -> Accepted:
    """Arguments that a class takes, including those it hands on to its bases."""
    names: set[str] = set()
    required: set[str] = set()
    is_open = True
    rules = {
        key: rule
        for base in reversed(inspect.getmro(cls))
        for key, rule in VALUES.get(base.__name__, {}).items()
    }
    for base in inspect.getmro(cls):
        init = vars(base).get('__init__')
        if not is_open or init is None or base is object:
            continue
        try:
            parameters = inspect.signature(init).parameters.values()
        except (TypeError, ValueError):
            continue
        hints = _hints(init) if base.__module__.startswith('tmx_plugin') else {}
        is_open = any(p.kind is p.VAR_KEYWORD for p in parameters)
        for p in parameters:
            if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) or p.name in names | {'self'}:
                continue
            names.add(p.name)
            if p.default is p.empty:
                required.add(p.name)
            if p.name in hints and (rule := _rule(hints[p.name])):
                rules.setdefault(p.name, rule)
    if all(vars(base).get('__init__') is None for base in inspect.getmro(cls)[:-1]):
        is_open = False  # nothing but the constructor of object
    return Accepted(names, required - GIVEN, is_open and _hands_on(cls), rules)


def _hands_on(cls: type) -> bool:
    """Whether the last constructor that a class's arguments reach takes any name."""
    own = [base for base in inspect.getmro(cls)[:-1] if '__init__' in vars(base)]
    if not own:
        return False
    parameters = inspect.signature(vars(own[-1])['__init__']).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


def part_faults(path: str, part: dict, arguments: Accepted, name: str, extra=()) -> list:
    """What is wrong with the keys and values of a part.

    Args:
        path (str): Where it lies in the config.
        part (dict): The part.
        arguments (Accepted): What its class takes.
        name (str): The class, for messages.
        extra (Iterable[str]): Further keys that are right there.

    Returns:
        list[str]: A sentence a fault, each beginning with the path of the value.
    """
    known = {*arguments.names, *extra} - {'self'}
    faults = []
    for key, value in part.items():
        if key in _ENGINE_KEYS:
            continue
        near = nearest(key, known)
        listed = key in known or arguments.is_open and key in arguments.rules
        if not listed and (near or not arguments.is_open):
            faults.append(
                f'{path}.{key}: expected an argument of {name}, found an unknown name'
                + (f'; did you mean {near!r}?' if near else '')
            )
        elif key in arguments.rules:
            faults += value_faults(f'{path}.{key}', value, arguments.rules[key])
    return faults + [
        f'{path}.{key}: expected a value, which {name} needs, found none'
        for key in sorted(arguments.required - set(part))
    ]


def value_faults(path: str, value, rule: Rule) -> list:
    """The sentence on a value that does not fit its rule, if it does not."""
    try:
        fits = rule.holds(value)
    except (TypeError, OverflowError):
        fits = False
    return [] if fits else [f'{path}: expected {rule.expected}, found {shown(value)}']


def nearest(name: str, known) -> Optional[str]:
    """The known name that is most like another, if one is."""
    near = difflib.get_close_matches(str(name), [str(x) for x in known], 1, 0.75)
    return near[0] if near else None


def shown(value) -> str:
    """A value for a message, of bounded length."""
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'


def _hints(function) -> dict:
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):
        return {}


def _rule(annotation) -> Optional[Rule]:
    if annotation in _BY_ANNOTATION:
        return _BY_ANNOTATION[annotation]
    options = typing.get_args(annotation)
    if (
        typing.get_origin(annotation) is typing.Union
        and len(options) == 2
        and (type(None) in options)
    ):
        inner = _rule(next(option for option in options if option is not type(None)))
        return inner and optional(inner)
    return None
