# SPDX-License-Identifier: Apache-2.0
"""What a value may be: a description for messages, and whether a value fits it."""

import math
from collections.abc import Sequence
from typing import Callable, NamedTuple, TypeGuard


class Rule(NamedTuple):
    """A set of values.

    Attributes:
        expected (str): Its description, e.g. ``'a whole number from 1 on'``.
        holds (Callable): Whether a value of any type belongs to it.
    """

    expected: str
    holds: Callable


def number(low=None, high=None, *, above=None, below=None) -> Rule:
    """Finite numbers from ``low`` to ``high``, or strictly ``above`` and ``below`` bounds."""

    def holds(value) -> bool:
        return (
            _is_number(value)
            and math.isfinite(value)
            and (low is None or value >= low)
            and (high is None or value <= high)
            and (above is None or value > above)
            and (below is None or value < below)
        )

    return Rule('a finite number' + _bounds(low, high, above, below), holds)


def whole(low=None, high=None) -> Rule:
    """Whole numbers from ``low`` to ``high``."""

    def holds(value) -> bool:
        return (
            isinstance(value, int)
            and not isinstance(value, bool)
            and (low is None or value >= low)
            and (high is None or value <= high)
        )

    return Rule('a whole number' + _bounds(low, high), holds)


def one_of(*values) -> Rule:
    """Some values and no others."""
    return Rule(
        ' or '.join(map(repr, values)),
        lambda value: isinstance(value, type(values[0])) and value in values,
    )


def optional(rule: Rule) -> Rule:
    """Values of a rule, and None."""
    return Rule(f'{rule.expected} or None', lambda value: value is None or rule.holds(value))


def either(*rules: Rule) -> Rule:
    """Values of any of several rules."""
    return Rule(
        ' or '.join(rule.expected for rule in rules),
        lambda value: any(rule.holds(value) for rule in rules),
    )


def list_of(rule: Rule, *, least: int = 1, length=None) -> Rule:
    """Lists or tuples of values of a rule."""
    size = f'{length} of ' if length else 'at least one of ' if least else ''
    return Rule(
        f'a list, {size}{rule.expected}',
        lambda value: (
            is_list(value)
            and len(value) >= least
            and (length is None or len(value) == length)
            and all(map(rule.holds, value))
        ),
    )


def pair(rule: Rule, *, strict: bool = True) -> Rule:
    """Two values of a rule, the lower one first."""
    order = 'LOW < HIGH' if strict else 'LOW <= HIGH'
    return Rule(
        f'two numbers {order}, each {rule.expected}',
        lambda value: (
            is_list(value)
            and len(value) == 2
            and all(map(rule.holds, value))
            and (value[0] < value[1] or not strict and value[0] == value[1])
        ),
    )


BOOL = Rule('True or False', lambda value: isinstance(value, bool))
TEXT = Rule('a text that is not empty', lambda value: isinstance(value, str) and bool(value))
STRING = Rule('a text', lambda value: isinstance(value, str))
DICT = Rule('a dict', lambda value: isinstance(value, dict))


def is_list(value) -> TypeGuard[Sequence]:
    """Whether a value is a list or tuple."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _bounds(low=None, high=None, above=None, below=None) -> str:
    if low is not None and high is not None:
        return f' from {low} to {high}'
    parts = [
        f'{word} {bound}'
        for word, bound in (('from', low), ('above', above), ('up to', high), ('below', below))
        if bound is not None
    ]
    return ' ' + ' and '.join(parts).replace(f'from {low}', f'of at least {low}') if parts else ''
