#!/usr/bin/env bash
# What is rendered and written for SQL Server, read by two parsers that know T-SQL. No server is asked: this tells
# that statements are well formed, not that they do what they should (docs/SQL-SERVER.md).
root=$(cd "$(dirname "$0")/../.." && pwd)
python=$(bash "$root/deploy/local/real/tsql-parsers.sh") || {
    echo "not ok - the parsers of T-SQL are there"
    exit 1
}
exec "$python" "$root/tests/tsql/check.py" "$root"
