#!/bin/sh
# px.js as C: what is served, plain and packed, and the hash of it that names its bytes. Prints the fragment that
# src/web/script.c includes; ends with 1 when the script breaks strip.awk's rules or is larger than a page should load.
#   embed.sh px.js
set -eu
here=$(dirname "$0")
limit=4096
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

awk -f "$here/strip.awk" "$1" >"$dir/plain"
gzip -9nc <"$dir/plain" >"$dir/packed"
size=$(wc -c <"$dir/packed")
if [ "$size" -gt "$limit" ]; then
    echo "$1: $size bytes when packed; at most $limit are served" >&2
    exit 1
fi
array() { # name file
    printf 'static const uint8_t %s[] = {\n' "$1"
    od -An -v -tu1 "$2" | sed 's/[0-9][0-9]*/&,/g'
    echo '};'
}
echo '/* Written by svc-ingest/web/embed.sh. */'
array script_plain "$dir/plain"
array script_packed "$dir/packed"
printf '#define SCRIPT_HASH "%s"\n' "$(sha256sum <"$dir/plain" | cut -c 1-32)"
