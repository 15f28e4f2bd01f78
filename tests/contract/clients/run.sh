#!/usr/bin/env bash
# Clients in other languages against the real servers, over TLS with a token where they can: the
# examples for grpcio and grpc-js, every reason of the contract, the service config in use, and
# grpcurl, buf curl and k6. Needs Python 3.11, Node 20, npm and openssl; no corpus.
#
#   tests/contract/clients/run.sh
#
# Listens on free ports of 127.0.0.1, and leaves nothing behind but the Python environment
# (`tests/environment`). Exit code 0 when every check holds.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
scratch=$(mktemp -d)
servers=()
cleanup() {
    local pid
    for pid in "${servers[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

echo "clients: environments"
environment=$("$root/tests/environment")
bin=$environment/venv/bin
mkdir "$scratch/certificates" "$scratch/node"
cp "$here/node/package.json" "$here/node/package-lock.json" "$scratch/node"
(cd "$scratch/node" && npm ci --silent --no-fund --no-audit)
"$here/certificates.sh" "$scratch/certificates"
export PYTHONPATH=$environment/stubs PYTHONDONTWRITEBYTECODE=1 NODE_PATH=$scratch/node/node_modules

echo "clients: services"
# The same set of packages as the tests, so that nothing is compiled twice.
(cd "$root" && cargo build --quiet --locked --workspace --bins --tests \
    --message-format=json-render-diagnostics) >"$scratch/cargo.json"
executable() {
    "$bin/python" - "$scratch/cargo.json" "$1" <<'PYTHON'
import json, sys
for line in open(sys.argv[1]):
    message = json.loads(line)
    if message.get("executable") and message["target"]["name"] == sys.argv[2] and not message["profile"]["test"]:
        print(message["executable"])
PYTHON
}
extractor_svc=$(executable extractor-svc)
index_svc=$(executable index-svc)
audio=$root/extractor-svc/testdata/audio
"$extractor_svc" extract "$audio" --pattern '**/*' --output "$scratch/table.csv" --log error
"$index_svc" build --input "$scratch/table.csv" --output "$scratch/index" --log error >/dev/null

# Starts a server on a free port and leaves its address in `address`.
start() {
    "$@" --listen 127.0.0.1:0 >"$scratch/ready" 2>>"$scratch/log" &
    local pid=$!
    servers+=("$pid")
    for _ in $(seq 600); do
        address=$(sed -n 's/^listening on //p' "$scratch/ready")
        [ -n "$address" ] && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    echo "clients: not ready: $*" >&2
    cat "$scratch/log" >&2
    exit 1
}
fail() {
    echo "clients: $*" >&2
    exit 1
}

# The song itself comes first, at distance 0, with four more; a stranger is told apart.
song=$audio/chords_s16_44100.flac
example() {
    local name=$1 output
    shift
    # Whoever has not ended by then waits for ever.
    output=$(timeout 120 "$@" --token-file "$scratch/certificates/token" "$song")
    printf '%s\n' "$output" | sed 's/^/  /'
    [ "$(printf '%s\n' "$output" | wc -l)" -eq 5 ] || fail "$name: not five neighbours"
    [ "$(printf '%s\n' "$output" | sed -n 1p)" = "    0.0000  $song" ] ||
        fail "$name: the song itself is not the first, at distance 0"
    printf '%s' 0123456789abcdef0123456789 >"$scratch/wrong"
    if timeout 120 "$@" --token-file "$scratch/wrong" "$song" 2>"$scratch/refused"; then
        fail "$name: a wrong token is let in"
    fi
    grep -q UNAUTHENTICATED "$scratch/refused" || fail "$name: $(cat "$scratch/refused")"
}
secrets=(--tls-cert "$scratch/certificates/server.pem" --tls-key "$scratch/certificates/server.key"
    --auth-tokens "$scratch/certificates/tokens")
start "$extractor_svc" serve "${secrets[@]}"
extractor=$address
start "$index_svc" serve --index "$scratch/index" "${secrets[@]}" --web-origin https://player.example
index=$address
secure=(--extractor "$extractor" --index "$index" --server-name soundalike.test
    --ca "$scratch/certificates/authority.pem")
echo "clients: grpcio, TLS and token"
example grpcio "$bin/python" "$here/python/neighbours.py" "${secure[@]}"
echo "clients: grpc-js, TLS and token"
example grpc-js node "$here/node/neighbours.js" "${secure[@]}"

echo "clients: gRPC-Web by connect, TLS and token"
node "$here/node/web.js" --index "$index" --ca "$scratch/certificates/authority.pem" \
    --server-name soundalike.test --token-file "$scratch/certificates/token" \
    --descriptors "$environment/descriptors.binpb"

echo "clients: every reason of the contract"
binaries=(--extractor "$extractor_svc" --index "$index_svc" --index-dir "$scratch/index")
"$index_svc" build --input "$scratch/table.csv" --output "$scratch/other" --seed 2 --log error >/dev/null
"$bin/python" "$here/python/reasons.py" "${binaries[@]}" --other-index-dir "$scratch/other" --certificates "$scratch/certificates"
echo "clients: the service config"
"$bin/python" "$here/python/service_config.py" "${binaries[@]}"

echo "clients: grpcurl and buf curl, TLS and token"
bearer="authorization: Bearer $(cat "$scratch/certificates/token")"
# A row is one of the version that is asked: the version goes with it.
version=$("$bin/grpcurl" -cacert "$scratch/certificates/authority.pem" -servername soundalike.test \
    -H "$bearer" "$index" soundalike.v1.IndexService/GetIndexInfo |
    "$bin/python" -c 'import json, sys; print(json.load(sys.stdin)["indexVersion"])')
ask='{"trackIndex": "1", "options": {"pageSize": 2, "expectedIndexVersion": "'$version'"}}'
method=soundalike.v1.IndexService/QueryByTrackIndex
"$bin/grpcurl" -cacert "$scratch/certificates/authority.pem" -servername soundalike.test \
    -H "$bearer" -d "$ask" "$index" "$method" >"$scratch/grpcurl.json"
"$bin/buf" curl --schema "$root/proto/schema" --protocol grpc --http2-prior-knowledge \
    --cacert "$scratch/certificates/authority.pem" --servername soundalike.test \
    --header "$bearer" --data "$ask" "https://$index/$method" >"$scratch/buf.json" ||
    fail "buf curl: $(cat "$scratch/buf.json")"
"$bin/python" - "$scratch/grpcurl.json" "$scratch/buf.json" <<'PYTHON'
import json, sys
grpcurl, buf = (json.load(open(path)) for path in sys.argv[1:])
assert len(grpcurl["neighbors"]) == 2 and grpcurl["seed"]["trackIndex"] == "1", grpcurl
assert grpcurl == buf, (grpcurl, buf)
print("  two neighbours, told alike")
PYTHON

echo "clients: k6"
start "$extractor_svc" serve
extractor=$address
start "$index_svc" serve --index "$scratch/index"
"$bin/k6" run --quiet --no-usage-report -e "EXTRACTOR=$extractor" -e "INDEX=$address" -e "SONG=$song" \
    "$here/load.js" >"$scratch/k6" 2>&1 || fail "k6: $(cat "$scratch/k6")"
grep -E '^ *(checks|vectors|grpc_req_duration)' "$scratch/k6" | sed 's/^ */  /'

for pid in "${servers[@]}"; do
    kill -TERM "$pid"
    wait "$pid" || fail "a server ended with code $?"
done
servers=()
echo "clients: all checks hold"
