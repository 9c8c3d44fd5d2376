# SPDX-License-Identifier: Apache-2.0
"""Look up the installed packages in the lists of known faults, and say how many could be.

pip-audit itself ends well when it could look up nothing, for example without a network.
"""

import json
import subprocess
import sys


def main() -> int:
    """0: nothing is known of any; 1: a fault is known; 2: nothing could be looked up."""
    run = subprocess.run(
        [sys.executable, '-m', 'pip_audit', '--skip-editable', '--format', 'json'],
        capture_output=True,
        text=True,
    )
    try:
        packages = json.loads(run.stdout)['dependencies']
    except (ValueError, KeyError):
        print(f'audit: pip-audit found out nothing: {run.stderr.strip()[-300:]}', file=sys.stderr)
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


if __name__ == '__main__':
    sys.exit(main())
