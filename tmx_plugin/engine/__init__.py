# SPDX-License-Identifier: Apache-2.0
from . import file_backend, hooks  # noqa: F401
