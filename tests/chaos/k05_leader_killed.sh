#!/usr/bin/env bash
# Rows 5 and 3: three brokers, everything kept three times. One is killed: the others elect leaders for what it led,
# and only latency rises. Then a topic wants more copies than are left: nothing is acknowledged until they are back.
deadline=240
. "$(dirname "$0")/lib.sh"
copies_expected=1
stand 3 1 1 --set Kafka:SessionTimeout=6s

broker_up() { kafka_sh start "$work/kafka" "$@" >>"$work/servers.log" 2>&1; }
copies_wanted() { # n: of the topic of events, before anything counts as stored
    kafka_sh tool "$work/kafka" kafka.admin.ConfigCommand --bootstrap-server "$broker_list" --alter --entity-type topics \
        --entity-name "$topic" --add-config "min.insync.replicas=$1" >>"$work/servers.log" 2>&1 || die "min.insync.replicas=$1 was set"
}

# --- row 5 ------------------------------------------------------------------------------------------------

traffic killed 200 0 --connections 64
need "killed: traffic flows" within 30 more_outcomes 200 killed ok
check "killed: all copies are in sync" within 30 in_sync
oks=$(outcomes killed ok) from=$(now_us)
inject "kill -9 of one of three brokers"
kafka_sh kill "$work/kafka" 1
heal "nothing: the others take over"
recovered 60 more_outcomes $((oks + 2000)) killed ok
recovery=$(latency killed 100 "$from") # what the unluckiest event waited for its 200
check "killed: ingest is ready" within 10 readyz_is ingest-1 200
note "since the kill: p50 $(latency killed 50 "$from") ms, p99 $(latency killed 99 "$from") ms, longest $recovery ms"
is "killed: nobody got a 503" "$(busy killed)" 0
progress "events are folded in" folded
traffic_end killed
settled 90
ledger
row 5 "leader killed (longest wait for a 200)" 5

# --- row 3 ------------------------------------------------------------------------------------------------

traffic few 200 0 --connections 64
need "few: traffic flows" within 30 more_outcomes 200 few ok
lines=$(log_lines ingest-1)
inject "two copies left where three are wanted"
copies_wanted 3
need "few: 503: surely not stored" within 60 count_over 20 few log_unavailable
check "few: ingest is not ready, though brokers answer" within 30 readyz_is ingest-1 503
has "few: its readiness says why" "$(curl -sS -m 5 "http://127.0.0.1:${ports[ingest-1.admin]}/readyz?verbose")" 'too few replicas'
check "few: it says so, once" within 10 said_once ingest-1 "$lines" log.refuses
has "few: and what to do" "$(log_since ingest-1 "$lines" | grep '"log.refuses"')" '"remedy":"[^"]'
oks=$(outcomes few ok)
broker_up 1 || die "broker 1 came back"
heal "the third broker runs and answers"
recovered 60 more_outcomes "$oks" few ok
check "few: ingest is ready again" within 30 readyz_is ingest-1 200
check "few: it says so, once" within 10 said_once ingest-1 "$lines" log.stores
traffic_end few
settled 90
ledger
row 3 "fewer copies in sync than wanted" 10
