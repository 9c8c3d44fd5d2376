# SPDX-License-Identifier: Apache-2.0
"""A payload, and checkpoints before and after a run."""

import hashlib
import os

RESUME = ('train.py', 'tiny.py', '--work-dir', 'A', '--cfg-options', 'train_cfg.max_epochs=3')


class Payload:
    """Runs a command where it is unpickled freely."""

    def __reduce__(self):
        return os.system, ('touch executed',)


def fingerprint(folder):
    """Names and content of the checkpoints of a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob('*.pth')
    }


def last_line(out):
    return out.output.strip().splitlines()[-1]
