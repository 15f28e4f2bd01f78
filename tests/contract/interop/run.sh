#!/usr/bin/env bash
# Foreign clients against the real servers, over real music: a Python client made from the .proto
# files, and grpcurl through reflection. Not a line of this project's code runs on the client side.
#
#   tests/contract/interop/run.sh            # needs the shared corpus; skips, saying so, without it
#   SOUNDALIKE_REQUIRE_SHARED=1 tests/contract/interop/run.sh      # fails without it
#
# Sets up its own virtual environment (Python 3.11 or later), starts the servers on free ports, and
# leaves nothing behind. Exit code 0 when every check holds.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
shared=$root/../shared
[ -d "$shared/corpus" ] || shared=${SOUNDALIKE_SHARED:-$shared}
if ! [ -d "$shared/corpus" ]; then
    echo "interop: no shared corpus beside the project or at SOUNDALIKE_SHARED"
    [ "${SOUNDALIKE_REQUIRE_SHARED:-}" = 1 ] && exit 1
    echo "interop: skipped"
    exit 0
fi
corpus=$(cd "$shared/corpus" && pwd)

scratch=$(mktemp -d)
servers=()
cleanup() {
    local pid
    for pid in "${servers[@]}"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "${servers[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

echo "interop: clients"
environment=$("$root/tests/environment")
bin=$environment/venv/bin

echo "interop: services"
# As the tests are built, so that nothing is compiled twice.
(cd "$root" && cargo build --quiet --locked --workspace --bins --tests)
built=$(cd "${CARGO_TARGET_DIR:-$root/target}/debug" && pwd)
extractor_svc=$built/extractor-svc
index_svc=$built/index-svc

echo "interop: tables and indexes"
"$extractor_svc" extract "$corpus/audio" --pattern '**/*' --output "$scratch/own.csv" \
    --log error
"$bin/python" "$here/golden_to_table.py" "$corpus/golden/golden_librosa_22050.csv" \
    "$scratch/golden.csv"
profile=librosa-0.11-22050
"$index_svc" build --input "$scratch/own.csv" --output "$scratch/own" --log error
"$index_svc" build --input "$scratch/golden.csv" --output "$scratch/golden" \
    --profile "$profile" --log error

# Starts a server on a free port and leaves its address in `address`.
start() {
    local name=$1
    shift
    "$@" --listen 127.0.0.1:0 >"$scratch/$name.ready" 2>"$scratch/$name.log" &
    local pid=$!
    servers+=("$pid")
    for _ in $(seq 600); do
        address=$(sed -n 's/^listening on //p' "$scratch/$name.ready")
        [ -n "$address" ] && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    echo "interop: $name did not become ready" >&2
    cat "$scratch/$name.log" >&2
    exit 1
}
start extractor "$extractor_svc" serve
extractor=$address
start own "$index_svc" serve --index "$scratch/own"
own=$address
start golden "$index_svc" serve --index "$scratch/golden"
golden=$address

echo "interop: a Python client made from the .proto files"
PYTHONPATH=$environment/stubs "$bin/python" "$here/client.py" --extractor "$extractor" \
    --own-index "$own" --golden-index "$golden" --corpus "$corpus"

echo "interop: grpcurl through reflection"
"$bin/python" "$here/reflection.py" --grpcurl "$bin/grpcurl" --extractor "$extractor" \
    --index "$own" --table "$scratch/own.csv"

for pid in "${servers[@]}"; do
    kill -TERM "$pid"
    wait "$pid" || { echo "interop: a server ended with code $?" >&2; exit 1; }
done
servers=()
echo "interop: all checks hold"
