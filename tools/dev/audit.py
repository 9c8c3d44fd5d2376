# SPDX-License-Identifier: Apache-2.0
"""Look up the installed packages in the lists of known faults, and say how many could be.

pip-audit itself ends well when it could look up nothing, for example without a network.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    return parser.parse_args(argv)


def run(args) -> int:
    """0: nothing is known of any; 1: a fault is known; 2: nothing could be looked up."""
    result = subprocess.run(
        [sys.executable, '-m', 'pip_audit', '--skip-editable', '--format', 'json'],
        capture_output=True,
        text=True,
    )
    try:
        packages = json.loads(result.stdout).get('dependencies', [])
    except json.JSONDecodeError:
        print(
            f'audit: pip-audit found out nothing: {result.stderr.strip()[-300:]}', file=sys.stderr
        )
        return 2
    looked_up = [package for package in packages if 'vulns' in package]
    faults = [(package, fault) for package in looked_up for fault in package['vulns']]
    for package, fault in faults:
        fixed = ', '.join(fault['fix_versions']) or 'no version yet'
        print(f'{package["name"]} {package["version"]}: {fault["id"]}, mended in {fixed}')
    print(
        f'audit: {len(looked_up)} of {len(packages)} packages were looked up, '
        f'{len(faults)} faults are known'
    )
    if not looked_up:
        print('audit: no list of known faults could be reached from here', file=sys.stderr)
        return 2
    return int(bool(faults))


def main(argv=None) -> int:
    args = parse_args(argv)
    from tmx_plugin.errors import run_tool

    return run_tool(run, 'audit', args)


if __name__ == '__main__':
    sys.exit(main())
