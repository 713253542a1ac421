#!/bin/sh
# SQL text lives in libcore/src/sql and database/ only, where dialects and tests see all of it.
# A keyword alone is no statement: DELETE is a method of HTTP as well.
. "$(dirname "$0")/lib.sh"
product_files | grep -v '^libcore/src/sql/' | xargs awk '
    /"[ \t]*((SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|CREATE|ALTER|DROP|TRUNCATE)([ \t]+[^\/ \t]|\\n)|(BEGIN|COMMIT|ROLLBACK)[ ;"])/ &&
    !/^[ \t]*(\/\*|\*)/ {
        print FILENAME ":" FNR ": SQL text; move the statement to libcore/src/sql and call it by name"
    }' | verdict
