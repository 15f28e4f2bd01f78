#!/usr/bin/env bash
# The index service against a plain reference in numpy: lists, recall, pages, explanations, tables and growth, on catalogues
# that are made from a seed. Two minutes on two cores, once the binary is built.
#
#   tests/differential/run.sh                            # what gates a landing: seed 1
#   tests/differential/run.sh --seed 7 --only lists growth
#   for seed in $(seq 10); do tests/differential/run.sh --seed "$seed"; done
#   INDEX_SVC=/path/to/index-svc tests/differential/run.sh     # a binary that is built already
#
# Needs python3 with venv; leaves nothing behind but the Python environment (`tests/environment`).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

environment=$("$root/tests/environment")
mkdir "$scratch/catalogues"
if [ -z "${INDEX_SVC:-}" ]; then
    (cd "$root" && cargo build --quiet --release --locked --package index-svc)
    INDEX_SVC=${CARGO_TARGET_DIR:-$root/target}/release/index-svc
fi
# The reference is one thread beside the service.
OPENBLAS_NUM_THREADS=1 PYTHONPATH=$environment/stubs PYTHONDONTWRITEBYTECODE=1 "$environment/venv/bin/python" "$here/differential.py" \
    --index "$INDEX_SVC" --scratch "$scratch/catalogues" "$@"
