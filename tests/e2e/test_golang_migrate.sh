#!/usr/bin/env bash
# golang-migrate applies the files of database/ to the same catalog as --migrate does, on PostgreSQL (with all
# grants) and SQLite; its databases are recognised, refused and taken over.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

golang_migrate=$(env ${jar_cache:+PX_CACHE="$jar_cache"} "$real/golang-migrate.sh" 2>build.log) ||
    die "golang-migrate was built ($(cat build.log))"
postgres_up
kafka=() # --migrate asks no broker
files=$(find "$root/database/postgresql" -name '*.up.sql' | sort)
last=$(basename "$(tail -n 1 <<<"$files")")
last_number=$((10#${last%%_*}))

ours() { # how: --migrate of the database in ${database[@]}; its output is in $out, its status in $status
    out=$("$bin/svc-aggregator" "${database[@]}" "--migrate=$1" 2>&1)
    status=$?
}
theirs() { # dialect url command...
    "$golang_migrate" -path "$root/database/$1" -database "$2" "${@:3}" >>theirs.log 2>&1
}
# What golang-migrate keeps for itself is no part of the product.
catalog_of_postgres() { # database
    pg_dump -s -T schema_migrations "${PG_URL%/*}/$1" | grep -v '^\\'
}
catalog_of_sqlite() { # file
    sqlite3 "$1" "SELECT m.name, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk FROM sqlite_master AS m,
            pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.name <> 'schema_migrations' ORDER BY 1, c.cid;
        SELECT m.tbl_name, m.name, i.seqno, i.name FROM sqlite_master AS m, pragma_index_info(m.name) AS i
            WHERE m.type = 'index' AND m.tbl_name <> 'schema_migrations' ORDER BY 1, 2, 3;"
}

taken_over() { # name: recognised, refused, adopted; then ours goes on
    ours status
    has "$1: status recognises it" "$out" 'golang-migrate made this database'
    ours up
    is "$1: up refuses it" "$status" 78
    has "$1: and says what to do" "$out" "schema_migrations says version $last_number.*--migrate=adopt"
    ours adopt
    is "$1: adopt takes it over" "$status" 0
    has "$1: up to the last file" "$out" "^adopted $last\$"
    ours up
    is "$1: nothing is left to apply" "$status:$out" '0:'
    ours status
    has_not "$1: nothing has drifted" "$out" 'DRIFT|pending '
}

# --- PostgreSQL ------------------------------------------------------------------------------------------------

sql 'create database theirs' >sql.log
ours up
is "PostgreSQL: --migrate=up" "$status" 0
check "PostgreSQL: golang-migrate up" theirs postgresql "${PG_URL%/*}/theirs?sslmode=disable" up
catalog_of_postgres analytics >ours.sql
catalog_of_postgres theirs >theirs.sql
check "PostgreSQL: the catalog holds tables and grants" grep -q 'GRANT SELECT,INSERT,UPDATE ON TABLE public.players TO px_agg' ours.sql
check "PostgreSQL: both catalogs are the same" diff ours.sql theirs.sql
database+=(--set "Sql:ConnectionString=${PG_CONNECTION/Database=analytics/Database=theirs}")
taken_over PostgreSQL
check "PostgreSQL: golang-migrate down" theirs postgresql "${PG_URL%/*}/theirs?sslmode=disable" down -all
is "PostgreSQL: nothing is left but the books" \
    "$(psql -qAt "${PG_URL%/*}/theirs" -c "select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = 'public'")" \
    'px_schema_migrations schema_migrations'

# --- SQLite ----------------------------------------------------------------------------------------------------

lite() { database=(--set Sql:Dialect=sqlite --set "Sql:ConnectionString=Driver={SQLite3};Database=$work/$1.db"); }
lite ours
ours up
is "SQLite: --migrate=up" "$status" 0
check "SQLite: golang-migrate up" theirs sqlite "sqlite://$work/theirs.db" up
catalog_of_sqlite ours.db >ours.txt
catalog_of_sqlite theirs.db >theirs.txt
check "SQLite: the catalog holds tables" grep -q '^players|total_deposits|' ours.txt
check "SQLite: both catalogs are the same" diff ours.txt theirs.txt
lite theirs
taken_over SQLite
