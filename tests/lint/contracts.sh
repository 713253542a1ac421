#!/bin/sh
# Functions of public headers carry a contract.
. "$(dirname "$0")/lib.sh"
sources '*.h' libcore/include/px | xargs awk -f "$here/contracts.awk" | verdict
