# SPDX-License-Identifier: Apache-2.0
import platform
import subprocess
import sys

import pytest

PROGRAM = '''
import resource, torch
from tmx_plugin.utils.memory import keep_freed_memory
def faults():
    start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(10_000_000)  # 40 MB: by default a mapping of its own, 9,766 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start
before = faults(), faults()
assert keep_freed_memory()
faults()
print(*before, faults())
'''


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='sets parameters of glibc')
def test_freed_memory_is_used_again(repo):
    done = subprocess.run([sys.executable, '-c', PROGRAM], cwd=repo, text=True, check=True,
                          capture_output=True)
    *before, after = map(int, done.stdout.split())
    assert after < 100 < min(before)
