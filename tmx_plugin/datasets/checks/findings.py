# SPDX-License-Identifier: Apache-2.0
"""What a check found."""

import logging
from dataclasses import dataclass, field
from typing import Optional

from mmengine.logging import print_log

from ...errors import DataError


@dataclass
class Finding:
    """Result of one check.

    Attributes:
        level (str): 'error' (training must not start), 'warning' (legal, but look at it) or
            'advice'.
        check (str): Short name of the check.
        message (str): What was expected and what was found.
        items (list[str]): All videos, files or names concerned.
        error (Exception, optional): What training raises in the place of a :class:`DataError`.
    """

    level: str
    check: str
    message: str
    items: list = field(default_factory=list)
    error: Optional[Exception] = None


def report_findings(findings, source) -> None:
    """Log the warnings and raise the first error.

    Args:
        findings (Iterable[Finding]): Results of checks.
        source (str | Path): The annotation file, for the messages.

    Raises:
        TmxError: If there is an error among the findings.
    """
    findings = list(findings)
    for finding in findings:
        if finding.level == 'error':
            raise finding.error or DataError(f'{source}: {finding.message}')
    for finding in findings:
        if finding.level == 'warning':
            print_log(f'{source}: {finding.message}', 'current', logging.WARNING)
