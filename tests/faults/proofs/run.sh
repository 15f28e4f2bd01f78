#!/usr/bin/env bash
# Three replicas of each service behind the Rust client and behind Envoy, while replicas are restarted,
# updated to another binary and another index, killed, slowed, paused, and their connections reset.
# About three minutes.
#
#   tests/faults/proofs/run.sh                   # a table; exit code 0 when every line of it holds
#   tests/faults/proofs/run.sh --rounds 5        # each fault five times
#   tests/faults/proofs/run.sh --only kill
#   tests/faults/proofs/run.sh --scale           # one to four replicas: throughput, and each one's share
#
# Listens on free ports of 127.0.0.1; leaves nothing behind but the Python environment (`tests/environment`), which has Envoy.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../../.."
environment=$(tests/environment)
# As the tests are built, so that nothing is compiled twice.
cargo build --quiet --locked --workspace --bins --tests
proofs=${CARGO_TARGET_DIR:-target}/debug/proofs
timeout 1200 "$proofs" --envoy "$environment/venv/bin/envoy" "$@"
