#!/usr/bin/env bash
# Row 37: two aggregators believe to own the same partitions: with one Kafka:InstanceId, and with two groups on one
# database. Each step has one winner, nothing counts twice, and the loser gives way with exit 78.
# shellcheck source=tests/chaos/a_common.sh
. "$(dirname "$0")/a_common.sh"
stand 1 1 0
twins=(--set Kafka:InstanceId=twin)
one_halted() { halted "$1" || halted "$2"; }
loser() { if halted "$1"; then echo "$1"; else echo "$2"; fi; }
winner() { if halted "$1"; then echo "$2"; else echo "$1"; fi; }

contest() { # what first second pattern: both run; ends when one has given way and the other one goes on
    local lost won
    mark
    progress "$1" sql_end
    within 90 one_halted "$2" "$3"
    tap $? "$1: one of them gives way"
    heal "one of them gave way"
    lost=$(loser "$2" "$3") won=$(winner "$2" "$3")
    is "$1: exit status of the loser" "$(cat "$work/$lost.halted")" 78
    has "$1: it names what to correct" "$(log_of "$lost" aggregator.halted)" "$4"
    check "$1: the other one still runs" alive "$won"
    mark
    recovered 30 all_moved
    retire "$won"
}

traffic load 200 120
start_aggregator agg-1 "${twins[@]}"
need "the first one works" within 30 sql_over 100
inject "a second process with the same Kafka:InstanceId"
start_aggregator agg-2 "${twins[@]}"
contest "one Kafka:InstanceId" agg-1 agg-2 'Kafka:InstanceId twin'

start_aggregator agg-3 --set Kafka:GroupId=one-group
need "the next one works" within 40 owns agg-3 10
start_aggregator agg-4 --set Kafka:GroupId=another-group
contest "two groups on one database" agg-3 agg-4 'Kafka:GroupId (one|another)-group'
start_aggregator agg-5 "${twins[@]}"
send TERM load
traffic_end load
settled 60
accounts_hold
ledger
row 37 "two aggregators on the same partitions" 15
