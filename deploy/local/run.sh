#!/usr/bin/env bash
# The whole platform on this machine, in the foreground: log, database, services, sample traffic.
# Ctrl-C (or RUN_FOR seconds) ends it in order; px-ledger then compares log, SQL, API and the book of the traffic.
#
#   run.sh dev   BIN DIR    px-devbroker (in memory) and SQLite           (make run)
#   run.sh stack BIN DIR    Apache Kafka, PostgreSQL, a schema registry   (make stack)
#
# Environment: RUN_FOR=seconds (0 = until Ctrl-C), RATE=events/s (0 = no traffic), SEED=number,
#   INGESTS=1 to 8, AGGREGATORS=1 to 8, BROKERS=1|3 (stack; without it: what DIR has, or 1),
#   REGISTRY=0 (stack without the schema registry), and the ports
#   INGEST_PORT=8080  API_PORT=8082  INGEST_ADMIN_PORT=9180  AGG_ADMIN_PORT=9181  API_ADMIN_PORT=9182
# Of several processes, number k listens at its port + 10 * (k - 1).
# DIR holds everything: one log and one pid file per process, `env` with the addresses in use.
# Exit: 0 ended as asked and everything is exact, 1 it is not, 64 usage, 69 something did not come up,
# 75 an earlier run is still there.
set -u

case $#:${1:-} in
3:dev | 3:stack) ;;
*)
    sed -n '5,6s/^# *//p' "$0" >&2
    exit 64
    ;;
esac
mode=$1 bin=$2
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/local/parts/values.sh
. "$here/parts/values.sh"
# shellcheck source=deploy/local/parts/processes.sh
. "$here/parts/processes.sh"
# shellcheck source=deploy/local/parts/servers.sh
. "$here/parts/servers.sh"
# shellcheck source=deploy/local/parts/figures.sh
. "$here/parts/figures.sh"
read_values "$3"

# Ctrl-C reaches the whole process group of a terminal. A `make` in it would end as interrupted, however
# well this script ends; so that Ctrl-C reaches only this script, it moves to a group of its own.
in_foreground() { [ -t 0 ] && awk '{sub(/.*\) /, ""); exit !($3 == $6)}' "/proc/$$/stat"; }
if [ -n "${MAKELEVEL:-}" ] && in_foreground; then
    set -m
    MAKELEVEL='' bash "$0" "$@"
    exit
fi

mkdir -p "$3" && dir=$(cd "$3" && pwd) || exit 73
none_left_over
free_ports
trap 'why_stopped=asked' INT TERM HUP
trap stop_all EXIT
rm -f "$dir"/*.log "$dir"/*.out "$dir/truth.json" "$dir/load.book" "$dir/ledger.json" "$dir/samples"
: >"$dir/env"

# --- everything up ----------------------------------------------------------------------------------------

ingest=http://127.0.0.1:$INGEST_PORT api=http://127.0.0.1:$API_PORT api_admin=http://127.0.0.1:$API_ADMIN_PORT
ingest_admins=() agg_admins=() targets=()

services() {
    local k name
    for ((k = 1; k <= ingests; k++)); do
        name=$(instance svc-ingest "$k")
        targets+=("127.0.0.1:$(nth_port "$INGEST_PORT" "$k")")
        ingest_admins+=("http://127.0.0.1:$(nth_port "$INGEST_ADMIN_PORT" "$k")")
        with 'Kafka|SchemaRegistry' "$name" "$bin/svc-ingest" --set "Ingest:Port=$(nth_port "$INGEST_PORT" "$k")" \
            --set "Admin:Port=$(nth_port "$INGEST_ADMIN_PORT" "$k")"
    done
    for ((k = 1; k <= aggregators; k++)); do
        name=$(instance svc-aggregator "$k")
        agg_admins+=("http://127.0.0.1:$(nth_port "$AGG_ADMIN_PORT" "$k")")
        with 'Kafka|Offsets|Sql|SchemaRegistry' "$name" "$bin/svc-aggregator" --set "Admin:Port=$(nth_port "$AGG_ADMIN_PORT" "$k")" \
            --set Retention:Every=10m
    done
    with 'Sql' svc-metrics-api "$bin/svc-metrics-api" --set "Api:Port=$API_PORT" --set "Admin:Port=$API_ADMIN_PORT"
}
ready() { # name url
    wait_until 60 "$1" is_ready "$1" "$2" || give_up "$1 did not get ready ($2/readyz)" "$1"
}
all_ready() {
    local k
    for ((k = 1; k <= ingests; k++)); do ready "$(instance svc-ingest "$k")" "${ingest_admins[$((k - 1))]}"; done
    for ((k = 1; k <= aggregators; k++)); do ready "$(instance svc-aggregator "$k")" "${agg_admins[$((k - 1))]}"; done
    ready svc-metrics-api "$api_admin"
}

say "Starting ($mode): everything is kept in $dir"
if [ "$mode" = dev ]; then start_dev; else start_stack; fi
PX_KAFKA=$KAFKA_BOOTSTRAP
setting Offsets OnNewLog start
with 'Kafka|Offsets|Sql' migrate "$bin/svc-aggregator" --migrate=up
wait "$(cat "$dir/migrate.pid")" || give_up "the database could not be migrated" migrate
before=$(sums)
services
all_ready
up=yes

printf '%s=%s\n' INGEST_URL "$ingest" API_URL "$api" INGEST_ADMIN_URL "${ingest_admins[0]}" \
    AGG_ADMIN_URL "${agg_admins[0]}" API_ADMIN_URL "$api_admin" >>"$dir/env"
today=$(date -u +%F)
say ""
say "  pixel        $ingest/api/pixel/visit?playerId=ana&bannerTag=spring"
say "  events       POST $ingest/api/events"
say "  conversions  $api/api/metrics/conversion-rates?startDate=$today&endDate=$today"
say "  trend        $api/api/metrics/trends/visit?startDate=$today&endDate=$today&grain=minute"
say "  all          $api/   (description: $api/openapi.json)"
say "  health       ${ingest_admins[0]}/readyz  ${agg_admins[0]}/readyz  $api_admin/readyz  (metrics: /metrics)"
[ $((ingests + aggregators)) -eq 2 ] || say "  further ones listen at these ports + 10, + 20 ..."
say ""

# --- traffic ----------------------------------------------------------------------------------------------

start_traffic() {
    local load target prefix=load$seed connections=$((rate < 5000 ? 32 + rate / 5 : 1032))
    # Enough connections for answers that take a fifth of a second: three brokers on a busy machine do.
    # The same seed again must bring new players, or everything would be a repeat.
    if [ "$(sql "SELECT COUNT(*) FROM event_summary WHERE banner_tag = '$prefix-b00'")" != 0 ]; then
        prefix=r$(date +%s)
    fi
    load=("$bin/px-load" --prefix "$prefix" --rate "$rate" --connections "$connections" --seed "$seed"
        --truth "$dir/truth.json" --book "$dir/load.book")
    for target in "${targets[@]}"; do load+=(--url "$target"); done
    if [ "$run_for" -gt 0 ]; then load+=(--duration "${run_for}s"); fi
    launch px-load "${load[@]}"
    say "Sample traffic: $rate events/s over $ingests svc-ingest, seed $seed."
}
end_traffic() {
    # the generator ends by itself at its duration; otherwise it is asked to, and writes its truth
    if [ "$why_stopped" = duration ]; then
        why_stopped=''
        wait_until 30 px-load false # until it is gone
    fi
    finish px-load 30
    [ -s "$dir/truth.json" ] || give_up "the generator left no truth file" px-load
    why_stopped=''
    wait_until 60 svc-aggregator caught_up || say "svc-aggregator has not caught up within 60 s"
}

sample 0
if [ "$rate" -gt 0 ]; then start_traffic; else say "No sample traffic (RATE=0)."; fi
if [ "$run_for" -gt 0 ]; then say "Ends after $run_for s."; else say "Ctrl-C ends it."; fi

begin=$(date +%s)
last=0 next=2
while [ -z "$why_stopped" ]; do
    sleep 0.5
    elapsed=$(($(date +%s) - begin))
    for name in "${started[@]}"; do
        if ! alive "$name" && [ "$name" != px-load ] && [ "$name" != migrate ]; then give_up "$name ended by itself" "$name"; fi
    done
    if [ "$elapsed" -ge $((last + 2)) ]; then
        last=$elapsed
        progress "$elapsed"
    fi
    if [ "$elapsed" -ge "$next" ]; then
        sample "$elapsed"
        next=$(next_sample "$elapsed")
    fi
    if [ "$run_for" -gt 0 ] && [ "$elapsed" -ge "$run_for" ]; then why_stopped=duration; fi
done
trap '' INT TERM HUP
sample "$elapsed"

# --- the end ----------------------------------------------------------------------------------------------

if [ "$rate" -gt 0 ]; then end_traffic; fi
sample "$elapsed"
summary
verdict
status=$?
say ""
tail -n 60 "$dir/px-ledger.out"
[ "$status" -eq 0 ] || tail -n 5 "$dir/px-ledger.log"
say ""
say "Stopping."
stop_all
case $status in
0) say "Done." ;;
1) say "It is NOT exact: see $dir/px-ledger.out." ;;
*) say "px-ledger could not compare (status $status): see $dir/px-ledger.log." ;;
esac
[ "$status" -eq 0 ] || exit 1
