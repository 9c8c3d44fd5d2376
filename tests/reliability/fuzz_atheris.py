# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of all readers with atheris.

``python tests/reliability/fuzz_atheris.py --seconds 600`` (``make fuzz``) ends with 0 where every
file was read or refused in words, by an error of the package; nothing was written, and memory grew
by less than 1 GB. The first byte of an input chooses the reader; the rest is its file.
"""

import argparse
import importlib.util
import resource
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MEMORY_MB = 1000
SECONDS_EACH = 20


def load_targets():
    """The readers, instrumented."""
    import atheris

    sys.path[:0] = [str(ROOT), str(ROOT / 'tests' / 'helpers')]
    with atheris.instrument_imports(include=['tmx_plugin.datasets', 'tmx_plugin.utils']):
        import tmx_plugin  # noqa: F401
    with atheris.instrument_imports(include=['tmx_plugin.exporters', 'csv', 'json', 'zipfile']):
        from fuzz_targets import TARGETS
    return list(TARGETS.items())


def reader_of(targets, folder: Path):
    """What atheris calls with every input."""
    from tmx_plugin.errors import TmxError

    def read_one(data: bytes) -> None:
        if not data:
            return
        _, target = targets[data[0] % len(targets)]
        path = folder / target.file
        path.write_bytes(data[1:])
        try:
            target.read(path)
        except TmxError as error:
            str(error).encode('utf-8', 'surrogatepass')
        found = [each.name for each in folder.iterdir()]
        assert found == [target.file] and path.read_bytes() == data[1:], f'written: {found}'
        path.unlink()

    return read_one


def main() -> int:
    """Fuzz for a time; libFuzzer ends the process itself, with another status where it fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=int, default=600, help='how long (600)')
    parser.add_argument('--input', type=Path, help='try this one input, which a run has kept')
    args = parser.parse_args()
    if importlib.util.find_spec('atheris') is None:
        print('fuzz_atheris: skipped: atheris is not installed (pip install atheris)')
        return 0
    import atheris

    warnings.simplefilter('ignore')
    targets = load_targets()
    folder = Path(tempfile.mkdtemp(prefix='tmx_fuzz_'))
    for name in ('corpus', 'seeds', 'work'):
        (folder / name).mkdir()
    for number, (_, target) in enumerate(targets):
        (folder / 'seeds' / str(number)).write_bytes(bytes([number]) + target.data)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f'{len(targets)} readers, inputs that fail are kept in {folder}', flush=True)
    options = [
        f'-max_total_time={args.seconds}',
        f'-rss_limit_mb={used + MEMORY_MB}',
        f'-malloc_limit_mb={MEMORY_MB}',
        f'-timeout={SECONDS_EACH}',
        f'-artifact_prefix={folder}/',
        '-print_final_stats=1',
        '-max_len=8192',
    ]
    places = [str(args.input)] if args.input else [str(folder / 'corpus'), str(folder / 'seeds')]
    atheris.Setup([sys.argv[0], *options, *places], reader_of(targets, folder / 'work'))
    atheris.Fuzz()
    return 0


if __name__ == '__main__':
    sys.exit(main())
