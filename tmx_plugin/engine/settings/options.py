# SPDX-License-Identifier: Apache-2.0
"""Options of command lines: the same rules as for settings, all faults at once."""

from pathlib import Path

from ...errors import ConfigError
from ...utils.devices import resolve_device
from .parts import value_faults
from .rules import Rule, number, optional, whole

COUNT = whole(1)
SHARE = number(0, 1)
RATE = number(above=0)


def check_options(args, **rules: Rule) -> None:
    """Raise a ConfigError that lists the options whose values cannot be used.

    Args:
        args (argparse.Namespace): The options; ``device``, if any, must exist.
        **rules: What their values may be; None, of an option that was not given, always.

    Example:
        >>> from argparse import Namespace
        >>> check_options(Namespace(top_k=3), top_k=COUNT)
    """
    faults = [
        fault
        for name, rule in rules.items()
        for fault in value_faults(
            f'--{name.replace("_", "-")}', getattr(args, name), optional(rule)
        )
    ]
    try:
        resolve_device(getattr(args, 'device', None))
    except ConfigError as error:
        faults.append(str(error))
    if faults:
        raise ConfigError('; '.join(faults).replace(' or None', ''))


#: A file that can be written.
OUT_FILE = Rule('the name of a file', lambda value: bool(value) and not Path(value).is_dir())
