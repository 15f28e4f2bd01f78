#!/usr/bin/env bash
# python.sh SCRIPT ARGS...: runs soak.py, abuse.py, overload.py, cancel.py or capacity.py of this folder against the real binaries, built in
# release, with an index of the project's own clips. `python.sh gate` runs the first four in their short forms.
#
#   tests/faults/proofs/python.sh gate                        # four minutes, on a machine of two cores that may do other things
#   tests/faults/proofs/python.sh abuse.py                    # about two minutes; 10,000 connections need that many files
#   tests/faults/proofs/python.sh soak.py --minutes 15
#   tests/faults/proofs/python.sh overload.py                 # two minutes on a machine of two cores that does nothing else
#   tests/faults/proofs/python.sh cancel.py                   # half a minute, on a machine that does nothing else
#   tests/faults/proofs/python.sh capacity.py CLIP...         # two minutes, on a machine that does nothing else
#
# Leaves nothing behind but the Python environment (`tests/environment`).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

environment=$("$root/tests/environment")
(cd "$root" && cargo build --quiet --release --locked --bins --package extractor-svc --package index-svc)
binaries=${CARGO_TARGET_DIR:-$root/target}/release
"$binaries/extractor-svc" extract "$root/extractor-svc/testdata/audio" --pattern '**/*' \
    --output "$scratch/table.csv" --log error
"$binaries/index-svc" build --input "$scratch/table.csv" --output "$scratch/index" --log error >/dev/null

prove() {
    local script=$1
    shift
    PYTHONPATH=$environment/stubs PYTHONDONTWRITEBYTECODE=1 "$environment/venv/bin/python" "$here/$script" \
        --extractor "$binaries/extractor-svc" --index "$binaries/index-svc" --index-dir "$scratch/index" "$@"
}

if [ "$1" = gate ]; then
    for script in abuse.py cancel.py overload.py; do
        echo "proofs: ${script%.py}, short"
        prove "$script" --short
    done
    echo "proofs: soak, one minute"
    prove soak.py --minutes 1
else
    prove "$@"
fi
