#!/bin/sh
# DESIGN.md of libcore and of each service names every .c file of its sources, and no other: one row
# each in the last section, "Code structure".
. "$(dirname "$0")/lib.sh"
named() { # DOC: the .c files that the section names; `a.[ch]` names a.c
    awk '
        /^## / { inside = $0 == "## Code structure"; if (inside) seen = 1; else if (seen) print "after", FNR }
        inside {
            n = split($0, part, "`")
            for (i = 2; i <= n; i += 2) {
                sub(/\.\[ch\]$/, ".c", part[i])
                if (part[i] ~ /^[a-z0-9_\/]+\.c$/) print part[i], FNR
            }
        }
        END { if (!seen) print "missing", 1 }' "$1"
}
check() { # DOC SOURCES
    doc=$1 src=$2
    names=$(named "$doc")
    printf '%s\n' "$names" | while read -r name line; do
        case $name in
        '') ;;
        missing) echo "$doc:1: has no section \"Code structure\"; end the document with it" ;;
        after) echo "$doc:$line: stands behind \"Code structure\"; let that be the last section" ;;
        *) [ -e "$src/$name" ] || echo "$doc:$line: there is no $src/$name; correct or drop the row" ;;
        esac
    done
    sources '*.c' "$src" | while read -r file; do
        printf '%s\n' "$names" | grep -q "^${file#"$src/"} " ||
            echo "$doc:1: says nothing about $file; add a row under \"Code structure\""
    done
}
for d in libcore svc-ingest svc-aggregator svc-metrics-api; do
    if [ -e "$d/DESIGN.md" ]; then check "$d/DESIGN.md" "$d/src"; fi
done | verdict
