#!/bin/sh
# House rules that the formatter cannot see.
. "$(dirname "$0")/lib.sh"
all_files | xargs awk -f "$here/strip.awk" -f "$here/style.awk" | verdict
