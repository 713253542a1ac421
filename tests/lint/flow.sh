#!/bin/sh
# The table "The life of a pixel" of docs/ARCHITECTURE.md names files that exist, functions that are
# defined in them, and metrics that are declared.
. "$(dirname "$0")/lib.sh"
doc=docs/ARCHITECTURE.md
# Rows begin with "| number |". Of their backticked words a path opens a file, a word with "()" is a
# function of the last file, a word px_..._total and the like in the last cell is a metric.
rows() {
    awk '
        /^## / { inside = index($0, "The life of a pixel") }
        inside && /^\| *[0-9]+/ {
            n = split($0, part, "`")
            for (i = 2; i <= n; i += 2) {
                word = part[i]
                if (word ~ /\.[ch]$/) { file = word; print "file", FNR, word }
                else if (word ~ /\(\)$/) { sub(/\(\)$/, "", word); print "function", FNR, word, file }
                else if (word ~ /^(px|http)_[a-z_]+$/) print "metric", FNR, word
            }
        }' "$doc"
}
defined() { # FUNCTION FILE: does a definition of it begin there at the start of a line?
    awk -v f="$1" '
        $0 ~ "^[a-z].*[ *]" f "\\(" { open = 1 }
        open && /;[ \t]*$/ && !/\{/ { open = 0 }
        open && /\{[ \t]*$/ { found = 1; exit }
        END { exit !found }' "$2"
}
{
    [ -e "$doc" ] || echo "$doc:1: is missing; write it"
    found=$(rows 2>/dev/null)
    [ "$(printf '%s\n' "$found" | grep -c '^function')" -ge 3 ] ||
        echo "$doc:1: no table of functions under \"The life of a pixel\"; write rows as | 1 | hop | \`file.c\` \`function()\` |"
    printf '%s\n' "$found" | while read -r kind line word file; do
        case $kind in
        file) [ -e "$word" ] || echo "$doc:$line: there is no $word; correct the row" ;;
        function)
            if [ -e "$file" ] && ! defined "$word" "$file"; then
                echo "$doc:$line: $file defines no $word(); correct the row"
            fi
            ;;
        metric)
            cat svc-*/src/metrics.def 2>/dev/null | grep -q "\"$word\"" ||
                echo "$doc:$line: no metrics.def declares $word; correct the row"
            ;;
        esac
    done
} | verdict
