#!/bin/sh
# Event types, aggregations and Avro schemas change only in ways that what was released before survives:
# schemas/ against schemas/history, by the table in schemas/README.md.
. "$(dirname "$0")/lib.sh"
python=/usr/bin/python3 # Debian's, which has python3-yaml
if ! $python -c 'import yaml' 2>/dev/null; then
    echo "python3-yaml is missing: make deps"
    exit 77
fi
out=$($python "$here/evolution.py" 2>&1) || {
    printf '%s\n' "$out" >&2
    exit 1
}
printf '%s\n' "$out" | verdict
