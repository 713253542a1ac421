#!/bin/sh
# The reference documents are what the programs print today.
#   generated.sh BINDIR
. "$(dirname "$0")/lib.sh"
dir=${1:?usage: generated.sh BINDIR}
for p in svc-ingest svc-aggregator svc-metrics-api; do
    if [ ! -x "$dir/$p" ]; then
        echo "no $p in $dir: run make first"
        exit 77
    fi
done
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
{
    sh docs/generate.sh "$dir" "$tmp" 2>"$tmp.err" || echo "docs/generate.sh:1: failed: $(head -n 3 "$tmp.err"); correct what it names"
    rm -f "$tmp.err"
    for f in options.md metrics.md errors.md openapi.json event.schema.json; do
        [ -e "$tmp/$f" ] || continue
        line=$(diff "docs/$f" "$tmp/$f" 2>&1 | sed -n '1{s/[^0-9].*//;s/^0$/1/;p;}')
        cmp -s "$tmp/$f" "docs/$f" || echo "docs/$f:${line:-1}: is not what the programs print; run make docs and commit it"
    done
} | verdict
