#!/bin/sh
# The log events of the programs and the table under "Logs" of docs/OPERATIONS.md are the same.
. "$(dirname "$0")/lib.sh"
doc=docs/OPERATIONS.md
logged() { # "name file:line" of every px_log call; the name is the first literal with a dot in it
    sources '*.c' libcore/src svc-ingest svc-aggregator svc-metrics-api | xargs -r awk '
        FNR == 1 { open = 0 }
        /px_log0?\(/ { open = 1; at = FILENAME ":" FNR }
        open && match($0, /"[a-z]+\.[a-z_.]+"/) { print substr($0, RSTART + 1, RLENGTH - 2), at; open = 0 }
        open && /;/ { open = 0 }'
}
told() { # "name line" of the first cell of every row
    awk '
        /^## / { inside = $0 == "## Logs" }
        inside && /^\| `/ {
            split($0, cell, "|")
            n = split(cell[2], part, "`")
            for (i = 2; i <= n; i += 2) print part[i], FNR
        }' "$doc" 2>/dev/null
}
{
    code=$(logged)
    rows=$(told)
    [ -n "$rows" ] || echo "$doc:1: has no table under \"Logs\"; write one row per event"
    printf '%s\n' "$code" | while read -r name at; do
        [ -z "$name" ] || printf '%s\n' "$rows" | grep -q "^$name " || echo "$at: $name is not in $doc; say there what to do about it"
    done
    printf '%s\n' "$rows" | while read -r name line; do
        [ -z "$name" ] || printf '%s\n' "$code" | grep -q "^$name " || echo "$doc:$line: nobody logs $name; drop the row"
    done
} | verdict
