#!/usr/bin/env bash
# Rows 5 and 3: three brokers, everything kept three times and written at least twice. A broker is killed, then each
# is restarted in turn: only latency may rise. Then two are killed: too few copies, so nothing is acknowledged.
deadline=290
. "$(dirname "$0")/lib.sh"
ingest_options=(--set Kafka:MessageTimeout=10s)
stand 3 1 1 --set Kafka:SessionTimeout=6s

up() { kafka_sh start "$work/kafka" "$@" >>"$work/servers.log" 2>&1; }

# --- row 5, a leader is killed ------------------------------------------------------------------------------

traffic killed 200 0 --connections 64
need "killed: traffic flows" within 30 more_outcomes 200 killed ok
check "killed: all copies are in sync" within 30 in_sync
oks=$(outcomes killed ok) from=$(now_us)
inject "kill -9 of one of three brokers"
kafka_sh kill "$work/kafka" 1
heal "nothing: the others take over"
recovered 60 more_outcomes $((oks + 500)) killed ok
check "killed: ingest is ready" within 10 readyz_is ingest-1 200
up 1 || die "broker 1 came back"
check "killed: all copies are in sync again" within 90 in_sync
traffic_end killed
note "p99 since the kill: $(latency killed 99 "$from") ms, 503s: $(busy killed)"
is "killed: nobody got a 503" "$(busy killed)" 0
settled 90
ledger
row 5 "leader killed" 15

# --- row 5, one after the other ----------------------------------------------------------------------------

traffic rolling 200 0 --connections 64
need "rolling: traffic flows" within 30 more_outcomes 200 rolling ok
from=$(now_us)
inject "each broker stopped and started in turn"
for n in 1 2 3; do
    kafka_sh stop "$work/kafka" "$n" >>"$work/servers.log" 2>&1
    progress "events are stored without broker $n" outcomes rolling ok
    progress "events are folded in without broker $n" folded
    up "$n" || die "broker $n came back"
    check "rolling: all copies are in sync with broker $n" within 90 in_sync
done
oks=$(outcomes rolling ok)
heal "the last one is back"
recovered 60 more_outcomes "$oks" rolling ok
traffic_end rolling
note "p99: $(latency rolling 99 "$from") ms, 503s: $(busy rolling)"
is "rolling: nobody got a 503" "$(busy rolling)" 0
settled 90
ledger
row 5 "rolling restart" 5
