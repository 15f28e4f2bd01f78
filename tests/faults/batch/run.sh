#!/usr/bin/env bash
# A batch on a real object store: SeaweedFS, eight workers, two of them killed and run again, one run twice,
# the store taken away in the middle; then an index from the store's tables, queried.
#
#   tests/faults/batch/run.sh
#   tests/faults/batch/run.sh --only-measure --measure 400 --recording CLIP.mp3    # release: processor time of 400 such files
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../../..
target=${CARGO_TARGET_DIR:-$root/target}
tools=$("$root/tests/environment")/venv
if [[ " $* " == *" --measure "* ]]; then
    profile=release
    cargo build --quiet --release --locked --bins --package extractor-svc --package index-svc \
        --manifest-path "$root/Cargo.toml"
else
    profile=debug
    # As the tests are built, so that nothing is compiled twice.
    cargo build --quiet --locked --workspace --bins --tests --manifest-path "$root/Cargo.toml"
fi
exec "$tools/bin/python" "$here/batch.py" --weed "$tools/bin/weed" \
    --extractor "$target/$profile/extractor-svc" --index "$target/$profile/index-svc" \
    --clips "$root/extractor-svc/testdata/audio" "$@"
