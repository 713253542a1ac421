#!/bin/sh
# Headers of third parties stay inside the folder that wraps them (thirdparty.txt).
. "$(dirname "$0")/lib.sh"
product_files | xargs awk '
    FILENAME ~ /thirdparty\.txt$/ {
        if ($0 !~ /^#/ && split($0, side, ":") == 2) {
            gsub(/[ \t]/, "", side[1])
            folders[side[1]] = side[2]
        }
        next
    }
    /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
        header = $0
        sub(/^[^<"]*[<"]/, "", header)
        for (prefix in folders) {
            if (index(header, prefix) != 1) continue
            n = split(folders[prefix], list, " ")
            good = 0
            for (i = 1; i <= n; i++) if (index(FILENAME, list[i] "/") == 1) good = 1
            if (!good) print FILENAME ":" FNR ": <" prefix "...> belongs to" folders[prefix] "; call that adapter instead"
        }
    }' "$here/thirdparty.txt" | verdict
