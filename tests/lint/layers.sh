#!/bin/sh
# Who may include whom: libcore/layers.txt is the rule.
. "$(dirname "$0")/lib.sh"
{ product_files; sources '*.def' libcore/include; } | xargs awk -f "$here/layers.awk" libcore/layers.txt | verdict
