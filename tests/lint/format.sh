#!/bin/sh
# The formatter's word, with the pinned version. `make format` mends what this finds.
. "$(dirname "$0")/lib.sh"
if ! command -v clang-format-14 >/dev/null; then
    echo "clang-format-14 is missing: make deps"
    exit 77
fi
all_files | xargs -P 2 -n 12 sh -c '
    found=$(clang-format-14 --dry-run -Werror "$@" 2>&1) || printf "%s\n" "$found"' sh |
    sed -n 's/^\([^: ]*:[0-9]*\):[0-9]*: error: .*clang-format.*/\1: not formatted; run make format/p' |
    sort -u | verdict
