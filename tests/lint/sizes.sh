#!/bin/sh
# Size limits of files and functions; sizes.exceptions may only shrink.
. "$(dirname "$0")/lib.sh"
all_files | xargs awk -f "$here/strip.awk" -f "$here/sizes.awk" "$here/sizes.exceptions" | verdict
