#!/usr/bin/env bash
# N times kill -9 of one of three brokers under load, drawn by lot; it comes back and catches up before the next one.
# Then the ledger.   broker_kills.sh [N]   (20; CHAOS_SEED repeats a run's lots)
. "$(dirname "$0")/cycles.sh"
copies_expected=1
cycles_begin "${1:-20}" 3 2 2 --set Kafka:SessionTimeout=6s

# As an init system would: once more, and again, when it ends at its start.
back() { # node
    kafka_sh start "$work/kafka" "$1" >"$work/start.log" 2>&1 && return
    note "broker $1 did not start: $(tail -n 2 "$work/start.log" | paste -sd ' ')"
    return 1
}

for ((cycle = 1; cycle <= cycles; cycle++)); do
    n=$((RANDOM % 3 + 1))
    within 120 in_sync || die "cycle $cycle: all copies are in sync"
    random_moment
    kafka_sh kill "$work/kafka" "$n"
    killed "broker $n"
    random_moment
    within 60 back "$n" || die "cycle $cycle: broker $n came back"
done
cycles_end brokers "kill -9 of brokers, three copies"
