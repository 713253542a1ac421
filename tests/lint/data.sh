#!/bin/sh
# docs/DATA.md and what it describes are the same, in both directions: columns (database/*/schema.sql), who may
# write and read them (database/privileges.txt), how long (docs/options.md), topics (deploy/kafka/topics.yaml), and
# the map of personal data with the marks of the columns.
. "$(dirname "$0")/lib.sh"
doc=docs/DATA.md
{
    for f in "$doc" database/privileges.txt docs/options.md deploy/kafka/topics.yaml; do
        if [ ! -e "$f" ]; then
            echo "$f:1: is missing; DATA.md is compared with it"
            exit
        fi
    done
    awk -v doc="$doc" -f "$here/data.awk" database/privileges.txt docs/options.md deploy/kafka/topics.yaml \
        $(sources schema.sql database) "$doc"
} | verdict
