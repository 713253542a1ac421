#!/bin/sh
# Every header compiles alone, twice over (its guard works). Row-macro headers say "No guard:".
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2086
sources '*.h' $PRODUCT tests/support | xargs grep -L 'No guard:' | xargs -P 2 -n 8 sh -c '
    for h; do
        case $h in
        libcore/include/*) name="<${h#libcore/include/}>" ;;
        *) name="\"$PWD/$h\"" ;;
        esac
        rooms=-I. # rooms of a service see what is around them and are seen from it
        case $h in svc-*) rooms=$(find "${h%%/*}/src" -type d | sed "s/^/-I/") ;; esac
        printf "#include %s\n#include %s\ntypedef int not_empty;\n" "$name" "$name" |
            ${CC:-gcc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -fsyntax-only -Ilibcore/include \
                -Itests/support $rooms -isystem /usr/share/include/llhttp -x c - >/dev/null 2>&1 ||
            echo "$h:1: does not compile alone; include what it uses, or forward-declare it (and guard it)"
    done' sh | sort | verdict
