#!/usr/bin/env bash
# N times the database is stopped without a goodbye (immediate: it recovers from its log) under load and started
# again. Then the ledger.   postgres_kills.sh [N]   (20; CHAOS_SEED repeats a run's lots)
. "$(dirname "$0")/cycles.sh"
cycles_begin "${1:-20}" 1 2 2 --set Kafka:SessionTimeout=6s

for ((cycle = 1; cycle <= cycles; cycle++)); do
    random_moment
    "$real/postgres.sh" restart "$work/postgres" immediate >>"$work/servers.log" 2>&1 || die "cycle $cycle: PostgreSQL came back"
    killed PostgreSQL
    before=$(folded)
    within 60 grew "$before" folded || die "cycle $cycle: events are folded in again"
done
cycles_end postgres "immediate stops of the database"
