#!/usr/bin/env bash
# Builds the peers of `make bench-peers` below DIR and installs what they need; quiet when all is there.
#   build.sh DIR
set -euo pipefail
dir=$1
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../../..
mkdir -p "$dir"

sh "$root/deploy/local/install-deps.sh" nginx-light python3-venv
# Debian's rustc of 2022 is too old for axum; its backport for browsers is not. A newer one that is there will do.
cargo=$(command -v cargo || true)
if [ -z "$cargo" ] || ! "$cargo" --version | awk '{ split($2, v, "."); exit !(v[1] > 1 || v[2] >= 80) }'; then
    sh "$root/deploy/local/install-deps.sh" rustc-web cargo-web
    cargo=$(command -v cargo-web || command -v cargo)
fi

stamp() { sha256sum "$@" | sha256sum | cut -c1-16; }
build_axum() {
    local want
    want=$(stamp "$here/axum/Cargo.toml" "$here/axum/src/main.rs")
    [ "$(cat "$dir/axum.stamp" 2>/dev/null)" != "$want" ] || return 0
    echo "  PEER    axum + rdkafka (two minutes)"
    mkdir -p "$dir/axum-src"
    cp -R "$here/axum/." "$dir/axum-src/" # Cargo writes its lock file beside the sources
    CARGO_TARGET_DIR=$dir/axum "$cargo" build --release --manifest-path "$dir/axum-src/Cargo.toml" >"$dir/axum.log" 2>&1 ||
        { tail -n 20 "$dir/axum.log" >&2; exit 1; }
    echo "$want" >"$dir/axum.stamp"
}
build_fastapi() {
    local want
    want=$(stamp "$here/fastapi/requirements.txt")
    [ "$(cat "$dir/fastapi.stamp" 2>/dev/null)" != "$want" ] || return 0
    echo "  PEER    FastAPI + confluent-kafka"
    rm -rf "$dir/fastapi"
    /usr/bin/python3 -m venv "$dir/fastapi"
    "$dir/fastapi/bin/pip" --disable-pip-version-check install --only-binary :all: -r "$here/fastapi/requirements.txt" \
        >"$dir/fastapi.log" 2>&1 || { tail -n 20 "$dir/fastapi.log" >&2; exit 1; }
    echo "$want" >"$dir/fastapi.stamp"
}
build_axum
build_fastapi
