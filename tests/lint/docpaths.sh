#!/bin/sh
# Paths in backticks in the documents exist. A star matches; <x>, {a,b}, $X and ... are not looked at.
. "$(dirname "$0")/lib.sh"
{ sources '*.md' docs libcore schemas database deploy svc-ingest svc-aggregator svc-metrics-api tests; ls ./*.md 2>/dev/null; } |
    xargs -r awk '
    {
        rest = $0
        while (match(rest, /`[^`]+`/)) {
            word = substr(rest, RSTART + 1, RLENGTH - 2)
            rest = substr(rest, RSTART + RLENGTH)
            sub(/[ :#].*/, "", word)
            if (word ~ /^(libcore|svc-ingest|svc-aggregator|svc-metrics-api|schemas|deploy|database|tests|docs|\.ci)\// &&
                word !~ /[<>{}$(]|\.\.\.|NNNN|\342/)
                print FILENAME ":" FNR " " word
        }
    }' | while read -r place word; do
    set -- $word
    [ -e "$1" ] || echo "$place: \`$word\` does not exist; correct the path or drop it"
done | verdict
