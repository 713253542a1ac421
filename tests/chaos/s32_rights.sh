#!/usr/bin/env bash
# What no waiting mends: a wrong password, a right that was taken away, a table that is gone, a schema of another
# version. The aggregator ends once, with the exit status and the remedy, and stays down; --check names the fault.
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/chaos/sql.sh
. "$chaos/sql.sh"

aggregator=(env PGAPPNAME=agg-1 "$bin/svc-aggregator")
stand_as_app
traffic load 200 150
need "events are applied" within 30 folded_more 300
applied() { folded_more "$before"; }

ends() { log_since agg-1 "$lines" | grep -E '"message":"(aggregator.halted|app.start_failed)"'; }
# The fault is there; the aggregator meets it, running or starting, and ends for good. --check names the fault.
halts() { # text exit-status pattern-of-check [pattern-of-log]
    local out
    need "$1: the aggregator ends and stays down" within 30 halted agg-1
    is "$1: with the exit status that waits for a person" "$(cat "$work/agg-1.halted")" "$2"
    is "$1: which it says once" "$(ends | grep -c "\"process.exit_code\":$2")" 1
    has "$1: with the remedy" "$(ends)" "${4:-$3}"
    out=$("$bin/svc-aggregator" "${kafka[@]}" "${database[@]}" --check 2>&1)
    is "$1: --check fails" "$?" 1
    has "$1: and names it" "$(grep -i '^fail' <<<"$out")" "$3"
}
# A person has mended it and starts the service again, as after any halt.
mended() { # text
    rm -f "$work/agg-1.halted"
    before=$(folded)
    heal "$1, started again"
    start_aggregator agg-1
    recovered 30 applied
    check "$1: --check is content" "$bin/svc-aggregator" "${kafka[@]}" "${database[@]}" --check
}

lines=$(log_lines agg-1)
inject "another password for the role"
sql_quietly "alter role app password 'not-that-one'"
end_sessions "usename = 'app'"
halts "password" 77 'authentication failed' 'Sql:PasswordFile|credentials'
seen_api "password"
sql_quietly "alter role app password '$PG_PASSWORD'"
mended "password"
check "password: the API answers again" within 20 api_is 200
keep 32 30 "password changed"

lines=$(log_lines agg-1)
inject "REVOKE UPDATE ON players"
sql_quietly 'revoke update on players from px_agg'
halts "right" 77 players 'credentials and rights'
is "right: who only reads goes on" "$(api_status)" 200
sql_quietly 'grant update on players to px_agg'
mended "right"
keep 32 30 "right taken away"

lines=$(log_lines agg-1)
inject "table renamed"
sql_quietly 'alter table minute_summary rename to minutes'
halts "table" 78 minute_summary '"remedy":"[^"]+migrate'
check "table: the API is not ready" within 10 readyz_is api-1 503
has "table: its --check names it too" \
    "$("$bin/svc-metrics-api" "${database[@]}" --set Api:Port=0 --check 2>&1)" 'FAIL +sql.tables .*minute_summary'
sql_quietly 'alter table minutes rename to minute_summary'
mended "table"
keep 32 30 "table renamed"

lines=$(log_lines agg-1)
inject "a schema that is newer than the program, then one that is older"
sql_quietly "insert into px_schema_migrations select version + 1000, name, checksum, applied_at, 0 from px_schema_migrations where version = 1"
send TERM agg-1 # its supervisor starts it again
halts "newer" 78 'run the release that belongs to it'
sql_quietly 'delete from px_schema_migrations where version > 1000'
rm -f "$work/agg-1.halted"
sql_quietly 'create table kept as select * from px_schema_migrations'
sql_quietly 'delete from px_schema_migrations'
lines=$(log_lines agg-1)
start_aggregator agg-1
halts "older" 78 'migrate=up'
sql_quietly 'insert into px_schema_migrations select * from kept'
mended "schema"
keep 32 30 "schema newer, then older"

traffic_stop load
settled 60
ledger
kept_rows
