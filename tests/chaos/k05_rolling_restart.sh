#!/usr/bin/env bash
# Row 5: each of three brokers is stopped and started in turn, as an upgrade does. Only latency rises.
deadline=290
. "$(dirname "$0")/lib.sh"
copies_expected=1
stand 3 1 1 --set Kafka:SessionTimeout=6s

traffic rolling 200 0 --connections 64
need "rolling: traffic flows" within 30 more_outcomes 200 rolling ok
from=$(now_us)
inject "each of three brokers stopped and started in turn"
for n in 1 2 3; do
    kafka_sh stop "$work/kafka" "$n" >>"$work/servers.log" 2>&1
    progress "events are stored without broker $n" outcomes rolling ok
    progress "events are folded in without broker $n" folded
    kafka_sh start "$work/kafka" "$n" >>"$work/servers.log" 2>&1 || die "broker $n came back"
    check "rolling: all copies are in sync with broker $n" within 90 in_sync
done
oks=$(outcomes rolling ok)
heal "the last one is back"
recovered 60 more_outcomes "$oks" rolling ok
recovery=$(latency rolling 100 "$from") # what the unluckiest event waited for its 200
traffic_end rolling
note "p50 $(latency rolling 50 "$from") ms, p99 $(latency rolling 99 "$from") ms, longest $recovery ms"
is "rolling: nobody got a 503" "$(busy rolling)" 0
settled 90
ledger
row 5 "rolling restart (longest wait for a 200)" 5
