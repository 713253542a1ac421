#!/usr/bin/env bash
# Row 38: somebody joins or leaves the group every two seconds for a minute. In each window of ten seconds something
# is folded in, and nothing counts twice.
CHAOS_DEADLINE=${CHAOS_DEADLINE:-230}
# shellcheck source=tests/chaos/a_common.sh
. "$(dirname "$0")/a_common.sh"
stand 1 1 1
session=(--set Kafka:SessionTimeout=10s)
joiners=()

leave() { # the oldest joiner
    send TERM "${joiners[0]}"
    joiners=("${joiners[@]:1}")
}
join() {
    loose "joiner-$turn" "${session[@]}"
    joiners+=("joiner-$turn")
}
window() { # number sum-before: what was folded in during the last ten seconds
    local now
    now=$(sql_end)
    note "window $1: $((now - $2)) records"
    [ "$now" -gt "$2" ]
    tap $? "progress in the window $1 of ten seconds" "still at $2"
}

traffic load 200 100
need "events are folded in" within 30 sql_over 200
inject "join or leave every 2 s for 60 s"
storm=$(now_ms) windows=0 at=$(sql_end)
for ((turn = 1; turn <= 30; turn++)); do
    if [ "${#joiners[@]}" -lt 2 ] || [ $((RANDOM % 2)) -eq 0 ]; then join; else leave; fi
    while [ "$(now_ms)" -lt $((storm + turn * 2000)) ]; do sleep 0.05; done # the beat of the storm
    if [ $((turn % 5)) -eq 0 ]; then
        windows=$((windows + 1))
        window "$windows" "$at"
        at=$(sql_end)
    fi
done
mark
for name in "${joiners[@]}"; do send TERM "$name"; done
heal "the joiners are told to leave"
recovered 40 all_moved
for name in "${joiners[@]}"; do
    ended "$name" 30
    is "SIGTERM ends $name with 0" "$status" 0
done
send TERM load
traffic_end load
nothing_left_out
row 38 "rebalance storm" 15
