# SPDX-License-Identifier: Apache-2.0
"""Names in messages."""

from collections.abc import Iterable


def some(names: Iterable, limit: int = 3) -> str:
    """A few of many names, each once.

    >>> some(['b', 'a', 'b', 'c', 'd', 'e'])
    'b, a, c and 2 more'
    """
    names = [str(name) for name in dict.fromkeys(names)]
    rest = len(names) - limit
    return ', '.join(names[:limit]) + (f' and {rest} more' if rest > 0 else '')


def either(names: Iterable) -> str:
    """Names to choose from, quoted.

    >>> either(['tc', 'ct'])
    "'tc' or 'ct'"
    """
    return ' or '.join(repr(name) for name in names)
