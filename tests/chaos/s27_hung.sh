#!/usr/bin/env bash
# The server process that serves the aggregator stands still, its TCP connection lives: no timeout of either side
# fires. The watchdog ends the aggregator, and what comes after it goes on, once nobody holds its rows any more.
: "${CHAOS_DEADLINE:=230}" # the watchdog is waited for twice
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/chaos/sql.sh
. "$chaos/sql.sh"

aggregator=(env PGAPPNAME=agg-1 "$bin/svc-aggregator")
api_options=(--set Api:Workers=1) # another one would connect anew and answer
# A static member comes back at once; a dynamic one would wait for the session of its former life to end.
stand 1 1 1 --set Kafka:InstanceId=agg-1
traffic load 300 170
need "events are applied" within 30 folded_more 500
ended_by_watchdog() { says agg-1 "$lines" sql.transaction_hangs; }
applied() { folded_more "$before"; }
state() { sql "select state from pg_stat_activity where pid = $1"; }
livez_is() { [ "$(curl -sS -m 5 -o /dev/null -w '%{http_code}' "http://127.0.0.1:${ports[api-1.admin]}/livez")" = "$1" ]; }
freeze() { # state...: the backend, while it is in one of these states
    local i
    for ((i = 0; i < 400; i++)); do
        backend=$(backends agg-1)
        [ -n "$backend" ] || continue
        kill -STOP "$backend"
        if grep -qxE "$1" <<<"$(state "$backend")"; then return 0; fi
        kill -CONT "$backend"
    done
    die "no backend of agg-1 was ever $1"
}

# --- frozen while it holds nothing ------------------------------------------------------------------------------
lines=$(log_lines agg-1)
inject "SIGSTOP of the idle backend"
freeze idle
at_end "kill -CONT $backend"
before=$(folded)
heal "nobody: the watchdog has 30 s, the restart 5 s"
recovered 60 applied
check "the watchdog says so and names the remedy" ended_by_watchdog
check "it was restarted" [ "$(restarts agg-1)" -ge 1 ]
keep 27 35 "backend frozen while idle"
kill -CONT "$backend"

# --- frozen in a transaction, with the locks ------------------------------------------------------------------------
lines=$(log_lines agg-1)
inject "SIGSTOP of the backend in its transaction"
check "the API answers" within 10 api_is 200
api_backends=$(sql "select pid from pg_stat_activity where application_name = '' and backend_type = 'client backend'")
freeze 'active|idle in transaction'
at_end "kill -CONT $backend $(xargs <<<"$api_backends")"
xargs kill -STOP <<<"$api_backends"
is "the API's too: it answers 504 when its time is up" "$(api_status --max-time 20)" 504
has "as a problem document" "$(cat "$work/head")" 'application/problem\+json'
need "the watchdog ends the aggregator" within 60 ended_by_watchdog
sql_quietly "select pg_terminate_backend($backend)"
before=$(folded)
kill -CONT "$backend"
heal "the backend is let go, and ends"
recovered 30 applied
keep 27 10 "backend frozen with its locks, then ended"

check "the API asks for a restart when no database thread comes back" within 30 livez_is 503
inject "SIGSTOP of the backends of the API"
xargs kill -CONT <<<"$api_backends"
heal "they go on"
recovered 20 api_is 200
check "and takes it back" within 10 livez_is 200
keep 27 10 "the API's backends frozen for a while"

traffic_stop load
settled 60
ledger
kept_rows
