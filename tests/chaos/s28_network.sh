#!/usr/bin/env bash
# The network to the database: every byte late, then no path at all for a while, neither for the open connection
# nor for new ones, and nobody who says so. Slower is not wrong, and the end of it is noticed soon.
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/chaos/sql.sh
. "$chaos/sql.sh"

aggregator=(env PGAPPNAME=agg-1 "$bin/svc-aggregator")
proxied=postgres stand 1 1 1
traffic load 300 150
need "events are applied" within 30 folded_more 500
slower() { [ "$(gauge agg-1 px_consumer_lag_messages)" -gt 300 ]; }
caught_up() { [ "$(gauge agg-1 px_consumer_lag_messages)" -lt 300 ]; } # what comes in within a second

# --- row 28: late ------------------------------------------------------------------------------------------------
memory=$(rss_kib agg-1)
inject "every byte 150 ms later, both ways"
tcp postgres both delay 150
need "batches take longer" within 30 slower
progress "commits" commits
progress "commits, again" commits
check "memory stays flat" [ "$(rss_kib agg-1)" -lt $((memory + memory / 4 + 8192)) ]
is "no transaction has failed" "$(gauge agg-1 px_sql_failures_total)" 0
check "ready all the time" readyz_is agg-1 200
tcp postgres both pass
heal "as fast as before"
recovered 20 caught_up
keep 28 10 "database 300 ms away"

# --- row 23: no path for a while --------------------------------------------------------------------------------
lines=$(log_lines agg-1)
inject "no path at all until it was noticed twice"
tcp postgres lose up
tcp postgres both hold
check "the aggregator says so and names a remedy" within 40 says agg-1 "$lines" sql.unreachable 'timeout expired'
check "it is not ready" within 10 readyz_is agg-1 503
progress "the lag that it shows" gauge agg-1 px_consumer_lag_messages
is "the API has a path of its own" "$(api_status)" 200
calm agg-1 "$lines" sql.unreachable 2
before=$(commits)
tcp postgres both pass
heal "there is a path again"
recovered 20 grew "$before" commits
check "it is ready again" within 20 readyz_is agg-1 200
keep 23 15 "no path to the database for a while"
is "it was never restarted" "$(restarts agg-1)" 0

traffic_stop load
settled 60
ledger
kept_rows
