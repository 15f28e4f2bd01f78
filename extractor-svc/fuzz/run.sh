#!/usr/bin/env bash
# Runs one fuzz target for some time, with seeds from the project's own test audio.
#
#   extractor-svc/fuzz/run.sh decode 1200
#
# Needs cargo-fuzz (cargo install cargo-fuzz) and a C++ compiler. Instrumentation is a feature of
# nightly compilers; RUSTC_BOOTSTRAP lets the stable one have it. Findings are left in artifacts/;
# once understood, they become files of regressions/, which an ordinary test replays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

target=${1:?which target: decode, pipeline or messages}
seconds=${2:-1200}
corpus=corpus/$target
mkdir -p "$corpus" "regressions/$target"
if [ "$target" != messages ]; then
    for clip in ../testdata/audio/*; do
        name=$(basename "$clip")
        # Heads of all clips, and the small ones whole: what is small is tried most often.
        head --bytes=6000 "$clip" >"$corpus/head-$name"
        [ "$(stat --format=%s "$clip")" -gt 32768 ] || cp "$clip" "$corpus/whole-$name"
    done
fi
RUSTC_BOOTSTRAP=1 cargo fuzz run "$target" "$corpus" "regressions/$target" -- \
    -dict=audio.dict -max_len=65536 -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1
