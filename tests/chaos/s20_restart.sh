#!/usr/bin/env bash
# quick
# The database dies and comes back under load: its first process killed, an immediate restart, and single
# sessions ended by an administrator, busy or idle. The aggregator goes on where SQL says it is.
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/chaos/sql.sh
. "$chaos/sql.sh"

aggregator=(env PGAPPNAME=agg-1 "$bin/svc-aggregator")
stand 1 1 1
traffic load 300 150
need "events are applied" within 30 folded_more 500

# --- row 20: the postmaster is killed -----------------------------------------------------------------------
lines=$(log_lines agg-1)
inject "postmaster: SIGKILL"
pg kill
seen_away "killed" sql.unreachable
calm agg-1 "$lines" sql.unreachable 2
before=$(gauge agg-1 px_sql_commits_total)
pg start || die "PostgreSQL started again"
heal "postmaster started"
recovered 20 grew "$before" gauge agg-1 px_sql_commits_total
seen_back "started again"
keep 20 10 "postmaster SIGKILL under load"

lines=$(log_lines agg-1)
inject "immediate restart"
pg restart immediate || die "PostgreSQL restarted"
heal "restarted"
before=$(gauge agg-1 px_sql_commits_total)
recovered 20 grew "$before" gauge agg-1 px_sql_commits_total
check "restarted: the aggregator has said so" says agg-1 "$lines" 'sql\.(unreachable|transaction_failed)'
seen_back "restarted"
keep 20 10 "immediate restart under load"

# --- row 24: sessions end between statements and while idle ------------------------------------------------
reconnects=$(gauge agg-1 px_sql_reconnects_total)
inject "pg_terminate_backend, 10 times under load"
for ((i = 1; i <= 10; i++)); do
    before=$(gauge agg-1 px_sql_reconnects_total)
    end_sessions "application_name = 'agg-1'"
    within 10 grew "$before" gauge agg-1 px_sql_reconnects_total || die "session $i was ended and made anew"
done
before=$(gauge agg-1 px_sql_commits_total)
heal "no more of it"
recovered 15 grew "$before" gauge agg-1 px_sql_commits_total
is "every ended session is counted" "$(($(gauge agg-1 px_sql_reconnects_total) - reconnects))" 10
keep 24 10 "session ended, 10 times under load"

traffic_stop load
settled 60
lines=$(log_lines agg-1)
inject "pg_terminate_backend while idle"
before=$(gauge agg-1 px_sql_reconnects_total)
end_sessions "application_name = 'agg-1' or application_name = ''"
heal "nothing to heal"
recovered 15 grew "$before" gauge agg-1 px_sql_reconnects_total
check "idle: the aggregator has said so" says agg-1 "$lines" sql.transaction_failed
check "idle: the API answers" within 5 api_is 200
keep 24 10 "session ended while idle"
is "every doubt was cleared up" "$(gauge agg-1 px_fenced_total)" 0

settled 60
ledger
kept_rows
