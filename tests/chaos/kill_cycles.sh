#!/usr/bin/env bash
# N times kill -9 under load, of a service drawn by lot, at a moment drawn by lot; then the ledger: nothing lost,
# nothing counted twice.   kill_cycles.sh [N]   (100; CHAOS_SEED repeats a run's lots)
. "$(dirname "$0")/cycles.sh"
cycles_begin "${1:-100}" 1 2 2 --set Kafka:SessionTimeout=6s

victims=(ingest-1 ingest-2 agg-1 agg-2 api-1)
serves() { alive "$1" && [ "$(pid_of "$1")" != "$2" ] && readyz_is "$1" 200; } # name old-pid
for ((cycle = 1; cycle <= cycles; cycle++)); do
    name=${victims[RANDOM % ${#victims[@]}]}
    random_moment
    within 30 alive "$name" || die "cycle $cycle: $name runs again"
    pid=$(pid_of "$name")
    kill -9 "$pid"
    killed "$name"
    # every other time the next one follows before this one is back
    if [ $((cycle % 2)) -eq 0 ]; then within 60 serves "$name" "$pid" || die "cycle $cycle: $name came back"; fi
done
cycles_end kills "kill -9 of services"
