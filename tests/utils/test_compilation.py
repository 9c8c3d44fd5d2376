# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import torch

from tmx_plugin.utils.compilation import outside_compilation


def test_what_is_outside_is_not_traced():
    seen = []

    @outside_compilation
    def outside(x):
        seen.append(torch.compiler.is_compiling())
        return x + 1

    compiled = torch.compile(lambda x: outside(2 * x) * 3, backend='eager')
    assert compiled(torch.ones(2)).tolist() == [9, 9]
    assert seen == [False]


def test_importing_the_package_loads_neither_the_compiler_nor_what_draws(repo):
    code = (
        'import sys, tmx_plugin.apis\n'
        "print([name for name in ('torch._dynamo', 'matplotlib', 'plotly', 'decord', 'scipy', 'av',"
        " 'pandas', 'onnxruntime') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=repo, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ['[]'], done.stdout + done.stderr
