# SPDX-License-Identifier: Apache-2.0
"""Which versions of what are supported: the one list that everything else reads.

setup.py, the Makefile, .ci/run, ``tmx checks`` and a test of the documentation execute this file
without importing the package, so it has plain values only and imports nothing.
"""

#: The oldest Python that is supported and the first that is known not to work yet.
PYTHON = ('3.10', '3.15')

#: The first version that is supported and the first that is not (None: no such limit known).
RANGES = {
    'torch': ('2.1', None),
    'numpy': ('1.26', None),
    'mmengine': ('0.10.0', '1.0.0'),
    'mmcv': ('2.0.1', '2.2.0'),
    'mmaction2': ('1.1.0', '2.0.0'),
}

#: Sets of versions that .ci/run installs and proves: Python, requirements of one pip call, and
#: what has to go in without its dependencies, since they name the distribution of another fork.
STACKS = {
    'oldest': dict(
        python='3.10',
        install=['torch==2.1.2', 'numpy==1.26.4', 'mmaction2==1.1.0', 'mmcv-lite==2.0.1'],
        no_deps=[],
    ),
    'default': dict(
        python='3.11', install=['torch==2.13.0', 'mmaction2==1.2.0', 'mmcv-lite==2.1.0'], no_deps=[]
    ),
    'newest': dict(
        python='3.13',
        install=['torch', 'numpy', 'mmaction2==1.2.0', 'onedl-mmengine'],
        no_deps=['mmcv-lite==2.1.0'],
    ),
}


def requirement(name: str, distribution: str = '') -> str:
    """The range of ``name`` as pip writes it, for the distribution that brings it."""
    first, limit = RANGES[name]
    return f'{distribution or name}>={first}' + (f',<{limit}' if limit else '')


def main(stack: str, what: str) -> str:
    """For shell scripts: a key of a stack, or the requirement of a package in it."""
    chosen = STACKS[stack]
    if what == 'python':
        return str(chosen['python'])
    return (
        ' '.join(chosen[what])
        if what in chosen
        else next(each for each in chosen['install'] if each.partition('==')[0] == what)
    )


if __name__ == '__main__':
    import sys

    print(main(*sys.argv[1:]))
