#!/usr/bin/env bash
# What the three scripts that kill again and again share; sourced first, never run. PAUSE_MS=n is the longest time
# between two kills (2500), RATE=n the events per second and ingest (150).
deadline=7200
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
pause_ms=${PAUSE_MS:-2500} rate=${RATE:-150}
declare -A tally=()

cycles_begin() { # cycles brokers ingests aggregators options...
    local i
    cycles=$1
    shift
    [[ $cycles =~ ^[1-9][0-9]*$ ]] || { echo "give a number of cycles from 1 on" >&2 && exit 64; }
    ingest_options+=(--set Kafka:MessageTimeout=5s)
    stand "$@"
    for ((i = 1; i <= $2; i++)); do via=ingest-$i traffic "load-$i" "$rate" 0 --connections 64; done
    for ((i = 1; i <= $2; i++)); do need "traffic $i flows" within 30 more_outcomes 100 "load-$i" ok; done
    inject "$cycles times, seed $seed"
}
random_moment() { # up to pause_ms; drawn, so that a seed repeats it
    local ms=$((RANDOM * pause_ms / 32768))
    sleep "$((ms / 1000)).$(printf '%03d' $((ms % 1000)))"
}
killed() { # what
    tally[$1]=$((${tally[$1]:-0} + 1))
    [ $((cycle % 10)) -ne 0 ] || note "cycle $cycle of $cycles: $(folded) folded in"
}
cycles_end() { # row fault
    local name what
    what=$(for name in "${!tally[@]}"; do echo "$name ${tally[$name]}"; done | sort | paste -sd ,)
    heal "all $cycles cycles done: $what"
    for name in "${supervised[@]}"; do
        within 60 readyz_is "$name" 200 || die "$name is ready after the last cycle"
    done
    recovery=$(($(now_ms) - healed_ms))
    tap 0 "$cycles cycles: $what"
    for name in "${!endless[@]}"; do traffic_end "$name"; done
    for name in "${supervised[@]}"; do
        ! halted "$name"
        tap $? "$name never gave up (restarted $(restarts "$name") times)"
    done
    settled 120
    ledger
    injected="$cycles times ($what), seed $seed"
    row "$1" "$2" 30
}
