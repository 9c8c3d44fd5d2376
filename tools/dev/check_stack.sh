#!/usr/bin/env bash
# Install the package with a set of versions, and train, validate, resume, test and infer with it.
#
#   tools/dev/check_stack.sh oldest|default|newest [WHEEL]          (of tmx_plugin/supported.py)
#   tools/dev/check_stack.sh --python 3.12 --install 'torch==2.5.1 mmaction2==1.2.0 mmcv-lite==2.1.0' \
#       [--no-deps 'mmcv-lite==2.1.0'] [WHEEL]
#
# Without WHEEL it is built from the source tree. ENV=DIR uses (and keeps) that environment.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
supported() { python3 "$root/tmx_plugin/supported.py" "$@"; }

case "${1:-}" in
--*) version='' install='' no_deps='' ;;
?*) version=$(supported "$1" python) install=$(supported "$1" install)
    no_deps=$(supported "$1" no_deps); shift ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
wheel=''
while [ $# -gt 0 ]; do
    case "$1" in
    --python) version=$2; shift 2 ;;
    --install) install=$2; shift 2 ;;
    --no-deps) no_deps=$2; shift 2 ;;
    *) wheel=$(realpath "$1"); shift ;;
    esac
done

# The interpreter of a version; if it is missing, the nearest newer one, else the nearest older.
find_python() {
    local minor wanted=${1#3.} found path
    for minor in $(seq "$wanted" 20) $(seq "$((wanted - 1))" -1 10); do
        for path in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python; do
            found=$(command -v "$path" || true)
            if [ -n "$found" ] && "$found" -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
                2>/dev/null; then
                [ "$minor" = "$wanted" ] || echo "Python $1 is missing; 3.$minor is used" >&2
                echo "$found"
                return
            fi
        done
    done
    echo "no Python from 3.10 on was found" >&2
    return 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
env=${ENV:-$work/env}
say() { printf '\n--- %s\n' "$*"; }

say "Python $version: $install $no_deps"
[ -x "$env/bin/python" ] || "$(find_python "$version")" -m venv "$env"
pip() { "$env/bin/python" -m pip --disable-pip-version-check "$@"; }
# shellcheck disable=SC2086  # lists of requirements
pip install --quiet $install
# shellcheck disable=SC2086
[ -z "$no_deps" ] || pip install --quiet --no-deps $no_deps
if [ -z "$wheel" ]; then
    pip wheel --quiet --no-deps --wheel-dir "$work/dist" "$root"
    wheel=$(echo "$work"/dist/*.whl)
fi
pip list 2>/dev/null | sort >"$work/before"
pip install --quiet "$wheel[video]"
# In an environment that was kept pip takes a wheel of the same version for installed.
pip install --quiet --no-deps --force-reinstall "$wheel"
pip list 2>/dev/null | sort >"$work/after"
# Nothing that was there may be replaced, and no second distribution of a module may come in.
if comm -23 "$work/before" "$work/after" | grep -viE '^(tmx|av) ?'; then
    echo 'the installation of the package replaced what is listed above'
    exit 1
fi
cd "$work"
tmx() {
    say "tmx $*"
    "$env/bin/tmx" "$@" >log 2>&1 </dev/null || { tail -n 40 log; return 1; }
}
expect() { grep -m 1 -F -- "$1" log | cut -c1-200 || { tail -n 40 log; echo "missing: $1"; return 1; }; }

"$env/bin/tmx" checks
tmx synthetic data/synthetic --num-train 6 --num-val 5 --seed 0
tmx check synthetic
short=(--work-dir run --seed 0 --cfg-options train_cfg.val_begin=1 train_cfg.val_interval=1)
tmx train synthetic "${short[@]}" train_cfg.max_epochs=2
expect 'Epoch(val) [2]'
tmx train synthetic --resume "${short[@]}" train_cfg.max_epochs=3
expect 'resumed epoch: 2'
expect 'Epoch(val) [3]'
tmx test synthetic run/epoch_3.pth --work-dir run
expect 'Epoch(test) [5'
tmx infer data/synthetic/features synthetic run/epoch_3.pth --fps 32 --format csv --timeline --out out
[ -s out/predictions.json ]
"$env/bin/python" - <<'END'
import cv2, numpy as np
writer = cv2.VideoWriter('a.mp4', cv2.VideoWriter_fourcc(*'mp4v'), 10, (64, 48))
for i in range(20):
    writer.write(np.full((48, 64, 3), 10 * i, np.uint8))
writer.release()
END
tmx extract a.mp4 features --config i3d_rgb --random-weights
expect '2 clips x 1024 channels'
tmx plot-logs run --out curves.png
expect 'best average_mAP'
say 'this stack works'
