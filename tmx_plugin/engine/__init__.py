# SPDX-License-Identifier: Apache-2.0
from . import cpu_amp, file_backend, hooks  # noqa: F401
