#!/bin/sh
# Functions that are not used here, with what to use instead.
. "$(dirname "$0")/lib.sh"
all_files | xargs awk -f "$here/strip.awk" -f "$here/banned.awk" | verdict
