#!/usr/bin/env bash
# An index through a real S3 and through Azure's emulator: published, served, rolled back, with a proxy that breaks every step.
#
#   tests/faults/storage/run.sh [INDEX_SVC]      INDEX_SVC is built where it is not given
#
# Needs python3 with venv, and npm; SeaweedFS is in `tests/environment`, Azurite goes into a temporary folder, which is removed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

azurite_version=3.37.0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

index=${1:-}
if [ -z "$index" ]; then
    # As the tests are built, so that nothing is compiled twice.
    cargo build --quiet --locked --workspace --bins --tests
    index=${CARGO_TARGET_DIR:-target}/debug/index-svc
fi
environment=$(tests/environment)
npm install --silent --no-audit --no-fund --prefix "$scratch/azurite" "azurite@$azurite_version"
"$environment/venv/bin/python" tests/faults/storage/scenario.py "$index" "$scratch" \
    "$environment/venv/bin/weed" "$scratch/azurite/node_modules/.bin/azurite-blob"
