#!/usr/bin/env bash
# Install a wheel into a clean environment, away from the repository, and use it through mim.
#
#   tests/packaging/check_install.sh WHEEL [REQUIREMENT ...]
#   tests/packaging/check_install.sh dist/tmx_plugin-*.whl mmaction2==1.1.0 mmcv-lite==2.0.1
#
# PYTHON and TORCH choose the interpreter and the build of torch, as for make.
set -euo pipefail

wheel=$(realpath "$1")
shift
work="$(mktemp -d)/a folder"  # with a space
trap 'rm -rf "$(dirname "$work")"' EXIT
mkdir "$work"
cd "$work"
say() { printf '\n--- %s\n' "$*"; }
# What a command prints is shown when it fails or lacks the expected words.
expect() {  # STATUS WORDS COMMAND...
    local status=$1 words=$2 code=0
    shift 2
    say "$*"
    "$@" >log 2>&1 </dev/null || code=$?
    if [ "$((code != 0))" != "$status" ] || ! grep -qF -- "$words" log; then
        tail -n 60 log
        echo "exit status $code (expected $status); looked for: $words"
        return 1
    fi
    grep -F -- "$words" log | tail -n 1 | cut -c1-240
}

say "clean environment with $(basename "$wheel") $*"
"${PYTHON:-python3}" -m venv env
env/bin/python -m pip install --quiet "${TORCH:-torch}" "$wheel[mim]" "$@" 2>pip.log ||
    { cat pip.log; exit 1; }
env/bin/python -m pip list 2>/dev/null | grep -iE '^(mm|torch |tmx|setuptools|numpy )'
mim() { env/bin/mim "$@"; }
package=$(env/bin/python -c 'import tmx_plugin, os; print(os.path.dirname(tmx_plugin.__file__))' \
    2>/dev/null)
config="$package/.mim/configs/temporalmaxer/synthetic.py"
short=(--cfg-options train_cfg.max_epochs=2 train_cfg.val_begin=2 train_cfg.val_interval=1)

expect 0 tmx-plugin mim list
expect 0 'config id: multithumos_i3d' mim search tmx_plugin --dataset MultiTHUMOS
expect 0 68.33 mim search tmx_plugin --field average_map
expect 0 'written to' mim run tmx_plugin make_synthetic data/synthetic --num-train 6 --num-val 5
expect 0 synthetic mim run tmx_plugin check_dataset synthetic
expect 0 'Epoch(val) [2]' mim train tmx_plugin synthetic.py --gpus 0 --work-dir run "${short[@]}"
expect 0 average_mAP mim test tmx_plugin synthetic.py --checkpoint run/epoch_2.pth --gpus 0
expect 0 'resumed epoch: 2' mim train mmaction2 "$config" --gpus 0 --work-dir run --resume \
    --cfg-options train_cfg.max_epochs=3
expect 0 average_mAP mim test mmaction2 "$config" --checkpoint run/epoch_3.pth --gpus 0
expect 0 'Epoch(train) [1]' mim gridsearch mmaction2 "$config" --gpus 0 \
    --search-args '--optim_wrapper.optimizer.lr 0.001 --train_cfg.max_epochs 1'
expect 1 'Put the THUMOS-14' mim train tmx_plugin thumos_i3d.py --gpus 0
say 'the installed package works'
