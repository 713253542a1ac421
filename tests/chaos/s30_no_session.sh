#!/usr/bin/env bash
# The server runs but gives no session, or none that may write: its connections are used up, it is shutting
# down, it has become a read-only node. All of it is an outage that passes: wait, say so, go on by oneself.
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/chaos/sql.sh
. "$chaos/sql.sh"

aggregator=(env PGAPPNAME=agg-1 "$bin/svc-aggregator")
stand_as_app
traffic load 300 150
need "events are applied" within 30 folded_more 500

# --- row 30: 53300 and 57P03 -----------------------------------------------------------------------------------
lines=$(log_lines agg-1)
inject "no connection left for the role (53300)"
sql_quietly "alter role app connection limit 0"
end_sessions "usename = 'app'"
seen_away "too many" sql.unreachable 'too many connections'
calm agg-1 "$lines" sql.unreachable 2
before=$(commits)
sql_quietly "alter role app connection limit -1"
heal "connections to be had"
recovered 15 grew "$before" commits
seen_back "connections to be had"
keep 30 10 "connections used up (53300)"

lines=$(log_lines agg-1)
hold keeper 'select 1;'
inject "smart shutdown: nobody is let in (57P03)"
pg restart smart &
restart=$!
refuses() { psql -qAtc 'select 1' "$PG_URL" 2>&1 | grep -q 'shutting down'; }
need "the server lets nobody in" within 20 refuses
printf '%s\n' "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'app';" >&"$hold_fd"
seen_away "shutting down" sql.unreachable 'shutting down'
let_go keeper
wait "$restart"
is "the server has restarted" "$?" 0
before=$(commits)
heal "started again"
recovered 15 grew "$before" commits
seen_back "started again"
keep 30 10 "server shuts down, then starts (57P03)"

# --- row 31: a read-only node -----------------------------------------------------------------------------------
lines=$(log_lines agg-1)
inject "default_transaction_read_only = on, reload"
sql_quietly "alter system set default_transaction_read_only = on"
sql_quietly "select pg_reload_conf()"
check "read-only: the aggregator says so and names a remedy" within 20 says agg-1 "$lines" sql.unreachable 'read-only'
check "read-only: it is not ready" within 10 readyz_is agg-1 503
progress "the lag that it shows" gauge agg-1 px_consumer_lag_messages
is "read-only: the API reads on" "$(api_status)" 200
calm agg-1 "$lines" sql.unreachable 2
before=$(commits)
PGOPTIONS='-c default_transaction_read_only=off' sql_quietly "alter system reset default_transaction_read_only"
sql_quietly "select pg_reload_conf()"
heal "may write again"
recovered 15 grew "$before" commits
seen_back "may write again"
keep 31 10 "read-only node (25006)"
is "it was never restarted" "$(restarts agg-1)" 0

traffic_stop load
settled 60
ledger
kept_rows
